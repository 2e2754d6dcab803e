// The one front end of runkit's cards. It draws what Python describes, as text only, and sends what a person
// does by custom message. Two presses in the same place send an answer; Python checks and sends it once.

const ARM_MS = 500; // after the first press, the second one counts
const DRAFT_MS = 400; // after the last keystroke, what was typed goes to Python
const SLOW_MS = 4000; // without a result, the kernel or the server is busy or gone
const MAX_RADIOS = 4; // choices; more get a dropdown
const FOCUSABLE = new Set(["A", "BUTTON", "INPUT", "SELECT", "SUMMARY", "TEXTAREA"]);
const EDITABLE = new Set(["open", "invalid", "failed"]); // states in which an answer can be sent
const LONG = new Set(["long_text", "json"]); // fields of several lines
const SLOW = "Still sending: the kernel or the server does not respond, and your answer may not have left yet. "
  + "Not responding? Rerun this cell.";
const ARROWS = {ArrowDown: "J", ArrowUp: "K"};

function h(name, props, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  // With the focus on a button, JupyterLab's command mode is active: `d d` would delete the cell.
  if (FOCUSABLE.has(node.tagName) || props?.tabindex) node.setAttribute("data-lm-suppress-shortcuts", "true");
  if (name === "button") node.type = "button";
  node.append(...children.flat(9).filter((child) => child || child === 0)); // as text
  return node;
}

const div = (style, ...children) => h("div", {class: style}, children);
const bold = (text) => h("b", null, text);
const pill = (text, tone) => h("span", {class: `rk-pill ${tone ?? ""}`}, text);
const muted = (text) => text && div("rk-muted", text);
const note = (...children) => h("span", {class: "rk-muted"}, children);
const space = () => h("span", {class: "rk-space"});
const toggleButton = (text, isOn, onclick, props) =>
  h("button", {class: "rk-button", ...props, "aria-pressed": String(isOn), onclick},
    isOn && h("span", {"aria-hidden": "true"}, "✓ "), text);
const linkButton = (text, onclick, props) => h("button", {...props, class: "rk-link", onclick}, text);
const business = (tag, name) =>
  h(tag, {class: name ? "" : "rk-unknown"}, name || "Business not identified yet");

function announce(text) { // in one region of the page, which remains when the card is removed
  const props = {id: "runkit-live", class: "runkit-live", role: "status", "aria-live": "polite"};
  (document.getElementById(props.id) ?? document.body.appendChild(h("div", props))).replaceChildren(text);
}

function source(item) {
  const link = h("a", {href: item.url, target: "_blank", rel: "noopener noreferrer"}, item.name);
  return div("rk-source",
    h("div", null, h("bdi", null, item.url ? link : item.name), item.host && note(` (${item.host})`)),
    item.tier && h("span", {class: "rk-tier"}, `${item.mark} ${item.tier}`));
}

const finding = (item) => div("rk-finding",
  h("div", null, bold(item.title), " ", item.confidence && pill(item.confidence, item.tone)),
  div("rk-evidence", h("div", null, item.summary), h("div", null, item.sources.map(source))));

function notice(text, tone, ...more) { // with its first sentence in bold
  const [lead] = text.match(/^.*?[.:…](?= |$)/) ?? [text];
  return div(`rk-notice ${tone ?? ""}`, bold(lead), text.slice(lead.length), more);
}

function render({model, el}) {
  const id = globalThis.crypto?.randomUUID?.() ?? String(Math.random());
  const region = (name, tag, props) => h(tag ?? "div", {...props, class: `rk-${name}`});
  const nodes = {
    top: region("top"), list: region("list", "nav", {"aria-label": "Questions"}),
    filter: region("filter", "input", {type: "text", placeholder: "Filter", "aria-label": "Filter questions",
      "data-id": "filter", oninput: search}),
    pane: region("pane", "section", {tabindex: "-1", "aria-label": "Question"}),
    body: region("body"), case: region("case"), message: region("message"), signer: region("signer"), bar: region("bar"),
    hints: region("hints", "span"), help: region("help"),
  };
  nodes.body.append(muted("Loading…"), div("rk-skeleton"));
  nodes.pane.append(div("rk-scroll", nodes.body, nodes.case), nodes.message, div("rk-foot", nodes.signer, nodes.bar), nodes.help);
  const props = {class: "runkit-card mathjax_ignore tex2jax_ignore", "data-state": "loading"};
  const main = div("rk-main", div("rk-side", nodes.list), nodes.pane);
  const root = el.appendChild(h("div", props, nodes.top, main));
  const drafts = {}; // what is in the inputs, by the digest of their question
  const json = {}; // what each region shows
  const unfolded = new Set(), shownDetails = new Map();
  const isLab = () => root.closest(".jp-Notebook") !== null; // elsewhere, as in VS Code, letters act on cells
  const hint = (key) => key && isLab() && h("kbd", {"aria-hidden": "true"}, key); // not part of its button's name
  const byId = (dataId) => root.querySelector(`[data-id="${CSS.escape(dataId)}"]`);
  let state = null, sender = null, values = {}, armed = null, spoken = "", errors = {}, answered = "";
  // numbers of messages: sent last, with an answer, with a filter, and from Python
  let sent = 0, waiting = 0, searching = 0, newest = 0;
  let receivedAt = 0, draftTimer = 0, slowTimer = 0, isHelp = false, isSigning = false, isNext = false, typedName = "";

  // -- messages

  function send(content) {
    sent += 1;
    try {
      model.send({...content, view: id, n: sent});
    } catch { // the kernel or the widget is gone
      say("Not sent: this card has lost its kernel. Rerun this cell.", "attention");
      return false;
    }
    return true;
  }

  function sendDraft() {
    clearTimeout(draftTimer);
    if (draftTimer && state?.question) send({values, digest: state.question.digest});
    draftTimer = 0;
  }

  function listen() { // anywidget delivers no message to a card whose code took 2 s; to its layout they come
    sender?.off?.("msg:custom", onMessage);
    sender = model.get("layout"); // in marimo it is no model, and messages come to the card
    sender?.on?.("msg:custom", onMessage);
    send({ready: id});
  }

  function onMessage(message) {
    if (message.n === undefined || message.n <= newest) return; // an older state, overtaken by a newer one
    newest = message.n;
    receivedAt = performance.now();
    const [view, n] = message.heard, digest = message.question?.digest;
    if (view === id && n >= waiting) waiting = 0;
    if (view === id && n >= searching) searching = 0;
    if (!waiting && message.status?.state !== "sending") clearTimeout(slowTimer);
    if (!state) foldTwin();
    if (digest !== state?.question?.digest) {
      disarm();
      typedName = "";
      isSigning = false;
      errors = {};
    }
    isSigning ||= message.status?.ask ?? false;
    state = message;
    if (digest) values = drafts[digest] ??= structuredClone(message.values);
    draw();
    if (isNext && digest && digest !== answered) focusReason();
  }

  function focusReason() { // of the question that opens after an answer, if it needs one
    isNext = false;
    const section = state.question.sections[0], [verb] = section.verbs;
    const needed = !isCombined() && section.fields.find(({name, is_folded}) => !is_folded && name in verb.requires);
    if (needed && root.contains(document.activeElement)) input(section.key, needed.name)?.focus();
  }

  // -- the two presses

  const isCombined = () => state.question.sections.length > 1;
  const canAnswer = () => !state.receipt && !state.status.read_only;
  const isInert = () => !canAnswer() || !EDITABLE.has(state.status.state);
  const sectionOf = (key) => state.question.sections.find((section) => section.key === key);
  const chosen = (section) => section.verbs.find((choice) => choice.value === values[section.key].decision);
  const isBlank = (value) => String(value ?? "").trim() === "";
  const progress = (n = state.question.sections.length) => `${n - lacks().length} of ${n} answered`;
  const input = (key, path) => byId(`in-${key}-${path}`);
  const inQuestion = (key) => `${state.question.digest} ${key}`;

  function lacks(verb) { // for each incomplete section the first input that its answer needs
    return state.question.sections.flatMap((section) => {
      const {key} = section, choice = isCombined() ? chosen(section) : verb;
      if (!choice) return [{key, path: "decision", text: "Choose an answer."}];
      const path = Object.keys(choice.requires).find((name) => isBlank(values[key][name]));
      return path ? [{key, path, text: choice.requires[path]}] : [];
    });
  }

  function disarm() {
    if (!armed) return;
    clearTimeout(armed.timer);
    armed.button.classList.remove("rk-armed");
    delete armed.button.dataset.armed;
    armed = null;
    drawHints();
  }

  function press(value) {
    const verb = state.question.verbs.find((item) => item.value === value);
    const name = isSigning && typedName.trim(); // is shown before anything is armed
    if (!verb || waiting || isInert()) return;
    if (name) sign(name);
    else if (state.status.ask) {
      say("Not sent. Type your name first.", "fail");
      byId("who")?.focus();
    }
    else if (armed?.value !== value) arm(verb);
    else if (performance.now() - armed.at >= ARM_MS) sendAnswer(value); // a double click is one press
  }

  function arm(verb) {
    disarm();
    const [first] = lacks(verb), button = byId(`press-${verb.value}`), isNew = first && isHidden(first);
    showErrors(first ? [first] : [], isNew);
    if (isNew) {
      say("");
      return;
    }
    if (first) {
      say(`Not sent. ${isCombined() ? `${progress()}. ` : ""}${first.text}`, "fail");
      return;
    }
    if (!document.activeElement?.matches(".runkit-card :is(textarea, input, select)")) button.focus();
    button.classList.add("rk-armed");
    say("");
    armed = {value: verb.value, at: performance.now(), button, anchor: document.activeElement};
    armed.timer = setTimeout(() => { button.dataset.armed = "true"; }, ARM_MS);
    announce(`Press again to ${verb.again}. ${consequence(verb)}`);
    drawHints();
  }

  const consequence = ({is_final}) =>
    [state.question.caution, is_final && "This can't be undone.", "Esc cancels."].filter(Boolean).join(" ");

  function sendAnswer(verb) {
    disarm();
    clearTimeout(draftTimer);
    draftTimer = 0;
    const {digest} = state.question;
    if (!send({verb, values, digest})) return;
    waiting = sent;
    [isNext, answered] = [true, digest];
    slowTimer = setTimeout(() => say(SLOW, "attention"), SLOW_MS);
    say(`Sending your answer… Signed ${state.status.who}`, "neutral");
  }

  function sign(name) {
    isSigning = !name && state.status.ask;
    if (name) {
      state.status.ask = false;
      send({who: name});
    }
    else draw();
  }

  function choose(decide) { // an answer for each section, not sent yet
    for (const section of state.question.sections) values[section.key].decision = decide(section);
    typed();
    draw();
  }

  function chooseAll(key) {
    choose((section) => section.verbs.find((choice) => choice.key === key)?.value ?? "");
    const [first] = lacks();
    (first ? input(first.key, first.path) : byId(`press-${state.question.verbs[0].value}`))?.focus();
  }

  function typed() { // what is armed was another answer
    disarm();
    if (!state.status.message) say("");
    clearTimeout(draftTimer);
    draftTimer = setTimeout(sendDraft, DRAFT_MS);
  }

  // -- inputs

  function field(key, spec) {
    const dataId = `in-${key}-${spec.name}`, domId = `${id}-${dataId}`, value = values[key][spec.name];
    const set = (next) => { values[key][spec.name] = next; typed(); drawHints(); };
    const isLong = spec.kind === "long_text", title = bold(spec.title);
    const path = `${key}-${spec.name}`, below = [!isLong && muted(spec.help), errorLine(path)];
    const required = {"aria-required": spec.name in sectionOf(key).verbs[0].requires && "true"};
    const isWrong = path in errors && {"aria-invalid": "true", "aria-describedby": `${id}-${path}-error`};
    const common = {id: domId, "data-id": dataId, oninput: ({target}) => set(target.value), ...required, ...isWrong};
    if (spec.kind === "choice" && spec.choices.length <= MAX_RADIOS) {
      const radios = spec.choices.map(([label, choice], at) => {
        const radio = {type: "radio", name: domId, checked: choice === value, oninput: () => set(choice)};
        return h("label", null, h("input", {...radio, "data-id": at ? `${dataId}-${at}` : dataId}), " ", label);
      });
      const group = {class: "rk-field", id: domId, role: "radiogroup", ...required, ...isWrong};
      return h("fieldset", group, h("legend", null, title), radios, below);
    }
    const option = ([label, choice]) => h("option", {value: choice, selected: choice === value}, label);
    const control = spec.kind === "choice" ? h("select", common, [["choose…", ""], ...spec.choices].map(option))
      : LONG.has(spec.kind) ? h("textarea", {...common, rows: Math.min(8, value.split("\n").length + 1)}, value)
        : h("input", {...common, type: "text", value, autocomplete: "off"});
    return div("rk-field",
      h("label", {for: domId}, title, isLong && spec.help && note(` ${spec.help}`)), control, below);
  }

  function inputs(section) {
    const {key} = section, isOpen = unfolded.has(inQuestion(key));
    const folded = section.fields.filter((field) => field.is_folded);
    const open = section.fields.filter((field) => !field.is_folded);
    const edit = {"data-id": `edit-${key}`, "aria-expanded": String(isOpen)};
    return [
      open.map((spec) => [field(key, spec), spec.name === "note" && chips(section)]),
      folded.length > 0 && div("rk-fold",
        !isOpen && section.summary, " ", linkButton(isOpen ? "Close" : section.edit, () => fold(section), edit)),
      isOpen && folded.map((spec) => field(key, spec)),
    ];
  }

  function chips({key, reasons}) {
    const set = (text) => { values[key].note = text; typed(); redrawBody(); input(key, "note")?.focus(); };
    const chip = (text) => toggleButton(text, values[key].note === text, () => set(text), {class: "rk-chip"});
    return reasons.length > 0 && div("rk-chips", reasons.map(chip));
  }

  function fold({key, fields}) {
    const place = inQuestion(key);
    if (!unfolded.delete(place)) unfolded.add(place);
    draw();
    if (unfolded.has(place)) input(key, fields.find((field) => field.is_folded).name)?.focus();
  }

  const isHidden = ({key, path}) => !unfolded.has(inQuestion(key))
    && sectionOf(key).fields.some((field) => field.is_folded && field.name === path);

  // beside their inputs, which are unfolded for it; the first one gets the focus; a new input has no error yet
  function showErrors(list, isNew) {
    errors = isNew ? {} : Object.fromEntries(list.map(({key, path, text}) => [`${key}-${path}`, text]));
    for (const place of list) {
      if (isHidden(place)) unfolded.add(inQuestion(place.key));
    }
    draw();
    for (const {key, path} of list.slice(0, 1)) (input(key, path) ?? byId(`verb-${key}-0`))?.focus();
  }

  const errorLine = (path) =>
    errors[path] && h("div", {class: "rk-error", id: `${id}-${path}-error`}, `✕ ${errors[path]}`);

  // -- drawing

  function patch(name, data, build) { // draw a region anew if what it shows has changed; the focus stays
    const text = JSON.stringify(data);
    if (json[name] === text) return false;
    json[name] = text;
    const at = document.activeElement, hadFocus = nodes[name].contains(at) && at !== nodes[name];
    const {selectionStart, selectionEnd} = at ?? {};
    nodes[name].replaceChildren(...[build()].flat(9).filter(Boolean));
    if (hadFocus) {
      const again = at.dataset.id && byId(at.dataset.id);
      (again || nodes.pane).focus();
      try { again?.setSelectionRange(selectionStart, selectionEnd); } catch { /* no text */ }
    }
    return true;
  }

  const redrawBody = () => { delete json.body; draw(); };

  function foldTwin() { // by now the card is in the page, beside its static twin
    const output = root.closest(".jp-OutputArea");
    for (const twin of output?.querySelectorAll(".runkit-twin") ?? []) twin.removeAttribute("open");
    for (const line of output?.querySelectorAll(".runkit-nobuttons") ?? []) line.hidden = true;
  }

  function draw() {
    const {question, status} = state;
    root.dataset.kind = state.kind;
    root.dataset.state = status?.state ?? state.kind;
    root.dataset.size = question || state.rows?.length ? "full" : "small";
    const text = [status?.message, state.spoken].filter(Boolean).join(" ");
    if (text && text !== spoken) announce(text);
    spoken = text;
    if (state.kind === "inbox") {
      if (!nodes.filter.isConnected && state.has_filter) nodes.list.before(nodes.filter);
      patch("top", [state.title, state.mode, state.oldest, state.error], top);
      drawList();
    }
    const decisions = question && isCombined() && question.sections.map((section) => values[section.key].decision);
    const shown = [state.receipt, [...unfolded], decisions, errors];
    patch("body", [question, state.empty, state.findings, shown], question ? body : empty);
    patch("case", [question?.digest, state.case], () => (question ? theCase(state.case) : []));
    const isOpen = question && canAnswer(), barData = [question && isInert(), status?.state === "unknown"];
    patch("signer", [isOpen, status?.who, status?.login, isSigning, state.kind], () => (isOpen ? signature() : []));
    if (patch("bar", [question?.digest, isOpen, barData], () => (isOpen ? bar() : []))) disarm(); // its button is gone
    if (!question) say("");
    else if (!waiting) drawStatus();
    drawHints();
    if (state.receipt && state.kind === "form" && root.contains(document.activeElement)) leave();
  }

  const drawList = () => patch("list", [state.rows, state.open, searching > 0],
    () => [searching > 0 && div("rk-group", "Filtering…"), state.rows.map(item)]);

  const empty = () => [div("rk-ask", state.empty.title), muted(state.empty.text), state.findings?.map(finding)];

  function drawStatus() {
    const {status} = state, text = JSON.stringify(status.errors);
    say(status.message, status.tone);
    if (text === json.errors) return;
    json.errors = text;
    showErrors(Object.entries(status.errors).flatMap(([key, byPath]) =>
      Object.entries(byPath).map(([path, words]) => ({key, path, text: words}))));
  }

  function leave() { // the card becomes a receipt: the focus goes to the next card, else to the cell
    const cards = [...document.querySelectorAll(".runkit-card")];
    const next = cards.slice(cards.indexOf(root) + 1).find((card) => card.querySelector("button"));
    (next?.querySelector(".rk-pane") ?? root.closest(".jp-Cell[tabindex], .jp-Notebook[tabindex]"))?.focus();
  }

  function say(text, tone) {
    const copy = state?.status?.copy;
    const copyButton = () => linkButton("Copy your draft", () => navigator.clipboard?.writeText(copy));
    patch("message", [text, tone, copy], () => text && notice(text, tone, copy && copyButton()));
  }

  function body() {
    const {question} = state, [section] = question.sections;
    return [
      div("rk-head", business("h2", question.business), h("code", null, question.run), space(),
        note([state.kind !== "inbox" && question.mode, question.host].filter(Boolean).join(" · "))),
      div("rk-ask", question.title), muted(question.asked),
      state.receipt && notice(state.receipt.title, state.receipt.tone),
      question.proposals.map(proposal),
      !isCombined() && canAnswer() && [inputs(section), errorLine("0-decision")],
    ];
  }

  function theCase({status, lines, code}) {
    const row = ({run, pills, text, end, key}) => div("rk-cells", run && h("code", null, run),
      pills.map(([word, tone]) => pill(word, tone)), h("span", null, text), space(),
      h("span", {class: `rk-end ${end}`}, end),
      state.kind === "inbox" && key && linkButton("Show it", () => openRow(key), {"data-id": `show-${key}`}));
    const line = ({title, is_open: isOpen, findings, rows}) => details(title, isOpen,
      findings && div("rk-findings", findings.map(finding)), rows?.map(row));
    return [
      div("rk-box", div("rk-cells rk-band", bold("The case"), space(), muted(status)),
        lines.map((entry) => (entry.title ? line(entry) : row(entry))),
        div("rk-cells rk-band rk-code", note("As code"), h("code", null, code),
          linkButton("Copy", () => navigator.clipboard?.writeText(code), {"data-id": "copy-code"}))),
      details("What the agent sent, as JSON", false, h("pre", null, state.question.raw)),
    ];
  }

  function details(title, isOpen, ...children) { // which stays as it was left when it is drawn anew
    const key = `${state.question.digest} ${title}`;
    const ontoggle = ({target}) => shownDetails.set(key, target.open);
    return h("details", {open: shownDetails.get(key) ?? isOpen, ontoggle},
      h("summary", {"data-id": `details-${title}`}, title), children);
  }

  function proposal(item, at) {
    const {proposals, sections} = state.question;
    const group = proposals.length > 1 && {role: "group", "aria-label": `${at + 1}. ${item.title}`};
    return h("div", {class: "rk-proposal", ...group},
      proposals.length > 1 && h("div", null, bold(`${at + 1}. ${item.title}`), note(` ${item.agent}`)),
      item.evidence.length ? item.evidence.map(finding) : muted("The agent gave no evidence."),
      isCombined() && canAnswer() && [inputs(sections[at]), choices(sections[at])]);
  }

  function choices(section) {
    const {key, verbs} = section, choice = chosen(section);
    const button = (verb, at) => toggleButton(verb.button, verb === choice,
      () => choose((other) => (other === section ? verb.value : values[other.key].decision)),
      {"data-id": `verb-${key}-${at}`});
    return div("rk-choices", verbs.map(button),
      choice && note("Your choice, not sent yet"), errorLine(`${key}-decision`));
  }

  function signature() {
    const {who, login} = state.status, domId = `${id}-who`;
    const change = () => { isSigning = true; draw(); byId("who")?.focus(); };
    const later = state.kind === "inbox" && footButton("later", putOff, "H", "rk-quiet", "Later", hint("H"));
    const keys = isLab() && footButton("help", toggleHelp, "?", "rk-quiet", h("kbd", null, "?"));
    keys && keys.setAttribute("aria-label", "Keys");
    const end = [space(), nodes.hints, h("span", {class: "rk-quiets"}, later, keys)];
    if (!isSigning) {
      return [note("You answer as ", bold(who), login ? " (login). " : ". ",
        linkButton("Change", change, {"data-id": "change"})), end];
    }
    const name = {id: domId, "data-id": "who", type: "text", autocomplete: "off", maxlength: 80};
    const oninput = ({target}) => { typedName = target.value; disarm(); };
    const onchange = () => sign(typedName.trim());
    return [h("label", {for: domId}, bold("Your name")),
      h("input", {...name, value: typedName, placeholder: "goes into the audit record", oninput, onchange}), end];
  }

  function footButton(dataId, onclick, key, style, ...children) {
    const shortcuts = {"aria-keyshortcuts": isLab() && key ? key.replace("Ctrl ↵", "Control+Enter") : null};
    return h("button", {class: `rk-button ${style}`, "data-id": dataId, ...shortcuts, onclick}, children);
  }

  function bar() {
    const {question, status} = state;
    if (status.state === "unknown") return [];
    const verbs = question.verbs.map((verb) => {
      const isMain = verb.value === question.main, key = isMain ? "Ctrl ↵" : verb.key;
      const style = `rk-verb ${isMain ? "rk-main-verb" : ""}`;
      return footButton(`press-${verb.value}`, () => press(verb.value), key, style,
        h("span", {class: "rk-calm"}, verb.button, hint(key)),
        h("span", {class: "rk-again"}, `Press again to ${verb.again}`));
    });
    const all = question.all.map(([text, key]) =>
      footButton(`all-${key}`, () => chooseAll(key), key, "", text, hint(key)));
    return [verbs, all];
  }

  const toggleHelp = () => { isHelp = !isHelp; drawHints(); };

  function drawHints() {
    const combined = state.question && isCombined();
    const calm = combined ? progress() : state.question?.needs ?? "";
    const verb = armed && state.question.verbs.find((choice) => choice.value === armed.value);
    nodes.hints.textContent = nodes.hints.title = verb ? consequence(verb) : calm;
    nodes.hints.classList.toggle("rk-muted", !verb);
    const isIncomplete = Boolean(combined && lacks().length);
    nodes.bar.querySelector(".rk-main-verb")?.classList.toggle("rk-dim", isIncomplete);
    const keys = isHelp ? helped() : [];
    patch("help", keys, () => keys.map(([key, what]) => h("span", null, h("kbd", null, key), ` ${what}`)));
  }

  // -- inbox

  function top() {
    const {title, mode, oldest, error} = state;
    nodes.age = note();
    drawAge();
    const refresh = {"data-id": "refresh", title: "Refresh all", "aria-label": "Refresh all"};
    return [
      bold(title), pill(mode, mode === "LIVE" ? "live" : ""), note(oldest), space(), nodes.age,
      linkButton("↻", () => send({refresh: true}), refresh),
      error && div("rk-notice attention", error),
    ];
  }

  function drawAge() {
    if (!nodes.age) return;
    const seconds = state.age + (performance.now() - receivedAt) / 1000;
    const units = [[172800, 86400, "d"], [3600, 3600, "h"], [60, 60, "min"], [0, 1, "s"]];
    const [, size, unit] = units.find(([least]) => seconds >= least);
    nodes.age.textContent = `updated ${Math.floor(seconds / size)} ${unit} ago`;
  }

  function item(row) {
    if (row.head) return div("rk-group", row.head);
    const props = {class: `rk-item ${row.is_done ? "rk-done" : ""}`, "data-id": `row-${row.key}`};
    const current = {"aria-current": row.key === state.open && "true", disabled: row.is_fixed};
    return h("button", {...props, ...current, onclick: () => openRow(row.key)},
      h("span", {class: "rk-name"}, business("b", row.business), h("code", null, row.run)),
      h("span", {class: `rk-age ${row.tone}`}, row.age),
      h("span", {class: "rk-line"}, row.question), row.n_open > 1 && note(`${row.n_open} open`));
  }

  function ask(content) { // the kernel, for another row of the list
    sendDraft();
    isNext = false;
    send(content);
    nodes.pane.focus();
  }

  const openRow = (key) => ask({open: key});
  const step = (by) => ask({step: by});
  const putOff = () => ask({later: state.open});

  function search() { // the list stands still until the kernel has applied the filter
    send({filter: nodes.filter.value});
    searching = sent;
    drawList();
  }

  // -- keys and focus

  function onKey(event) {
    const at = event.target, isField = at.matches("textarea, select, input");
    const hasModifier = event.ctrlKey || event.metaKey || event.altKey;
    const isSend = event.key === "Enter" && (event.ctrlKey || event.metaKey);
    const isClick = event.key === "Enter" && at.matches("button, a, summary");
    if (event.key === "Escape") {
      if (armed) disarm();
      else (!isField && root.querySelector('[aria-current="true"]') || nodes.pane).focus();
    } else if (event.repeat && (isSend || !isField)) { // a held key is one press
      if (!["ArrowDown", "ArrowUp", "Tab"].includes(event.key)) event.preventDefault();
      return;
    } else if (isSend && state?.question) press(state.question.main);
    else if (hasModifier || isField || isClick || !act(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  function actions() { // the keys of this card, what each does, and how
    const {question} = state, isInbox = state.kind === "inbox", isOpen = question && canAnswer();
    const section = question?.sections[0], folded = section?.fields.some((spec) => spec.is_folded);
    const focusField = () => (nodes.body.querySelector("textarea, input, select") ?? nodes.pane).focus();
    const twice = ({key, button, value}) => [key, `${button.toLowerCase()} (twice)`, () => press(value)];
    return [
      ...(isInbox ? [["J", "next", () => step(1)], ["K", "previous", () => step(-1)]] : []),
      ...(question ? [["Enter", "first field", focusField]] : []),
      ...(isOpen ? question.all.map(([text, key]) => [key, text.toLowerCase(), () => chooseAll(key)]) : []),
      ...(isOpen ? question.verbs.filter(({key}) => key).map(twice) : []),
      ...(isInbox && isOpen ? [["H", "later", putOff]] : []),
      ...(isOpen && folded ? [["E", "edit", () => fold(section)]] : []),
      ...(question ? [["?", "keys", toggleHelp]] : []),
    ];
  }

  function helped() { // what the help lists
    const main = state.question?.main ? [["Ctrl Enter", "blue button (twice)"]] : [];
    return [...actions(), ...main, ["Esc", state.kind === "inbox" ? "cancel, back to the list" : "cancel"]];
  }

  function act(key) {
    if (!isLab() || !state) return false;
    const name = (ARROWS[key] ?? key).toUpperCase(), found = actions().find(([word]) => word.toUpperCase() === name);
    found?.[2]();
    return found !== undefined;
  }

  root.addEventListener("focusin", ({target}) => {
    if (armed && target !== armed.anchor && target !== armed.button) disarm();
  });
  root.addEventListener("focusout", ({relatedTarget}) => {
    if (armed && !root.contains(relatedTarget)) disarm();
  });
  root.addEventListener("keydown", onKey);
  const timer = setInterval(drawAge, 1000);
  if (!document.getElementById("runkit-live")) announce("");
  model.on("msg:custom", onMessage);
  listen();
  model.on("change:layout", listen);
  return () => {
    sendDraft();
    clearInterval(timer);
    clearTimeout(slowTimer);
    model.off("change:layout", listen);
    model.off("msg:custom", onMessage);
    sender?.off?.("msg:custom", onMessage);
    send({gone: id});
  };
}

export default {render};
