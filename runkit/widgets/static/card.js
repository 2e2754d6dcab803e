// The one front end of runkit's cards. It draws what Python describes, as text only, and sends what a person
// does by custom message. Two presses in the same place send an answer; Python checks and sends it once.

const ARM_MS = 500; // after the first press, the second one counts
const DRAFT_MS = 400; // after the last keystroke, what was typed goes to Python
const SLOW_MS = 4000; // without a result, the kernel or the server is busy or gone
const MAX_RADIOS = 4; // choices; more get a dropdown
const FOCUSABLE = new Set(["A", "BUTTON", "INPUT", "SELECT", "SUMMARY", "TEXTAREA"]);
const SLOW = "Still sending: the kernel or the server does not respond, and your answer may not have left yet. "
  + "Not responding? Rerun this cell.";
const KEYS = [
  ["J K", "next, previous"], ["Enter", "first field"], ["A", "yes (twice)"], ["X", "no (twice)"],
  ["H", "later"], ["E", "edit"], ["Ctrl Enter", "main button (twice)"], ["Esc", "cancel, back to the list"],
];

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
  node.append(...children.flat(9).filter((one) => one || one === 0)); // as text
  return node;
}

const pill = (text, tone) => h("span", {class: `rk-pill ${tone ?? ""}`}, text);
const muted = (...children) => h("div", {class: "rk-muted"}, children);
const note = (...children) => h("span", {class: "rk-muted"}, children);
const space = () => h("span", {class: "rk-space"});
const linkButton = (text, onclick, props) => h("button", {...props, class: "rk-link", onclick}, text);
const errorLine = (path, id) => h("div", {class: "rk-error", id, "data-error": path, hidden: true});
const business = (tag, name) =>
  h(tag, {class: name ? "" : "rk-unknown"}, name || "Business not identified yet");

function announce(text) { // one region per page, which remains when the card is removed
  let live = document.getElementById("runkit-live");
  if (!live) {
    live = h("div", {id: "runkit-live", class: "runkit-live", role: "status", "aria-live": "polite"});
    document.body.append(live);
  }
  if (live.textContent !== text) live.textContent = text;
}

function source(one) {
  const link = h("a", {href: one.url, target: "_blank", rel: "noopener noreferrer"}, one.name);
  return h("div", {class: "rk-source"},
    h("div", null, h("bdi", null, one.url ? link : one.name), one.host && note(` (${one.host})`)),
    one.tier && h("span", {class: "rk-tier"}, `${one.mark} ${one.tier}`));
}

function finding(one) {
  return h("div", {class: "rk-finding"},
    h("div", null, h("b", null, one.title), " ", one.confidence && pill(one.confidence, one.tone)),
    h("div", {class: "rk-evidence"},
      h("div", null, one.summary),
      h("div", null, one.sources.map(source))));
}

function render({model, el}) {
  const id = globalThis.crypto?.randomUUID?.() ?? String(Math.random());
  const props = {class: "runkit-card mathjax_ignore tex2jax_ignore", "data-state": "loading"};
  const root = el.appendChild(h("div", props));
  const drafts = {}; // what is in the inputs, by the digest of their question
  const opened = {}; // the addresses of the sources that were opened, by the digest of their question
  const comments = {}; // by artifact
  const unfolded = new Set();
  const json = {}; // what each region shows
  const nodes = {};
  const isLab = () => root.closest(".jp-Notebook") !== null;
  let state = null, sender = null, values = {}, armed = null;
  let sent = 0, waiting = 0, newest = 0; // numbers of messages: sent last, with an answer, and from Python
  let receivedAt = 0, draftTimer = 0, slowTimer = 0, isHelp = false, isSigning = false;

  // -- messages

  function send(content) {
    sent += 1;
    try {
      model.send({...content, view: id, n: sent});
    } catch { // the kernel or the widget is gone
      if (nodes.message) say("Not sent: this card has lost its kernel. Rerun this cell.", "attention");
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
    sender?.off("msg:custom", onMessage);
    sender = model.get("layout");
    sender.on("msg:custom", onMessage);
    send({ready: id});
  }

  function onMessage(message) {
    if (message.n === undefined || message.n <= newest) return; // an older state, overtaken by a newer one
    newest = message.n;
    receivedAt = performance.now();
    const [view, n] = message.heard;
    if (view === id && n >= waiting) waiting = 0;
    if (!waiting && message.status?.state !== "sending") clearTimeout(slowTimer);
    const digest = message.question?.digest;
    if (digest !== state?.question?.digest) {
      disarm();
      isSigning = message.status?.ask ?? false;
    }
    state = message;
    if (digest) values = drafts[digest] ??= structuredClone(message.values);
    draw();
  }

  // -- the two presses

  const isCombined = () => state.question.sections.length > 1;
  const chosen = (section) => section.verbs.find((one) => one.value === values[section.key].decision);
  const isBlank = (value) => String(value ?? "").trim() === "";
  const pressButton = (value) => root.querySelector(`[data-id="press-${CSS.escape(value)}"]`);

  function lacks(verb) { // for each incomplete section the first input that its answer needs
    return state.question.sections.map((section) => {
      const {key} = section, choice = isCombined() ? chosen(section) : verb;
      if (!choice) return {key, path: "decision", text: "choose an answer"};
      const path = choice.requires.find((one) => isBlank(values[key][one]));
      return path && {key, path, text: "is required"};
    }).filter(Boolean);
  }

  function progress() {
    const n = state.question.sections.length;
    return `${n - lacks().length} of ${n} answered`;
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
    const verb = state.question.verbs.find((one) => one.value === value);
    if (!verb || waiting || state.status.inert || takeName()) return;
    if (armed?.value !== value) arm(verb);
    else if (performance.now() - armed.at >= ARM_MS) sendAnswer(value); // a double click is one press
  }

  function arm(verb) {
    disarm();
    const [first] = lacks(verb);
    showErrors(first ? {[first.key]: {[first.path]: first.text}} : {});
    if (first) {
      say(`Not sent. ${isCombined() ? `${progress()}. ` : ""}Fix the field marked below.`, "fail");
      (input(first.key, first.path) ?? root.querySelector(`[data-id="verb-${first.key}-0"]`))?.focus();
      return;
    }
    const button = pressButton(verb.value);
    if (!document.activeElement?.matches(".runkit-card :is(textarea, input, select)")) button.focus();
    button.classList.add("rk-armed");
    say("");
    armed = {value: verb.value, at: performance.now(), button, anchor: document.activeElement};
    armed.timer = setTimeout(() => { button.dataset.armed = "true"; }, ARM_MS);
    announce(`${verb.button}? ${verb.again}`);
    drawHints();
  }

  function sendAnswer(verb) {
    disarm();
    clearTimeout(draftTimer);
    draftTimer = 0;
    const {digest} = state.question;
    if (!send({verb, values, digest, opened: opened[digest]?.size ?? 0})) return;
    waiting = sent;
    slowTimer = setTimeout(() => say(SLOW, "attention"), SLOW_MS);
    say(`Sending your answer… Signed ${state.status.who}`, "neutral");
  }

  function takeName() { // a name that is typed, but not taken yet, is shown before anything is armed
    const name = isSigning && root.querySelector('[data-id="who"]')?.value.trim();
    if (name) sign(name);
    return Boolean(name);
  }

  function sign(name) {
    isSigning = false;
    if (name) send({who: name});
    else draw();
  }

  function choose(section, value) {
    values[section.key].decision = value;
    typed();
    draw();
  }

  function chooseAll(key) {
    for (const section of state.question.sections) {
      const verb = section.verbs.find((one) => one.key === key);
      values[section.key].decision = verb?.value ?? "";
    }
    typed();
    draw();
    const [first] = lacks();
    (first ? input(first.key, first.path) : pressButton(state.question.verbs[0].value))?.focus();
  }

  function typed() { // what is armed was another answer
    disarm();
    if (!state.status.message) say("");
    clearTimeout(draftTimer);
    draftTimer = setTimeout(sendDraft, DRAFT_MS);
  }

  // -- inputs

  const input = (key, path) => root.querySelector(`[data-id="in-${key}-${CSS.escape(path)}"]`);

  function field(key, one, path, holder) {
    const dataId = `in-${key}-${path}`, domId = `${id}-${dataId}`, value = holder[one.name];
    const set = (next) => { holder[one.name] = next; typed(); drawHints(); };
    const title = h("b", null, one.title), isLong = one.kind === "long_text";
    const below = [one.help && !isLong && muted(one.help), errorLine(`${key}-${path}`, `${domId}-error`)];
    const common = {id: domId, "data-id": dataId, oninput: (event) => set(event.target.value)};
    if (one.kind === "flag") {
      const box = h("input", {...common, type: "checkbox", oninput: () => set(box.checked)});
      box.checked = value === true;
      return h("div", {class: "rk-field"}, h("label", null, box, " ", one.title), below);
    }
    if (one.kind === "choice" && one.choices.length <= MAX_RADIOS) {
      const radios = one.choices.map(([label, choice], at) => {
        const radioId = at ? `${dataId}-${at}` : dataId;
        const oninput = () => set(choice);
        const radio = h("input", {type: "radio", name: domId, "data-id": radioId, oninput});
        radio.checked = choice === value;
        return h("label", {class: "rk-radio"}, radio, " ", label);
      });
      return h("fieldset", {class: "rk-field", id: domId}, h("legend", null, title), radios, below);
    }
    let node;
    if (one.kind === "choice") {
      const choices = [["choose…", ""], ...one.choices];
      node = h("select", common, choices.map(([label, choice]) => h("option", {value: choice}, label)));
    } else if (isLong || one.kind === "texts" || one.kind === "json") {
      node = h("textarea", {...common, rows: 2});
    } else {
      node = h("input", {...common, type: one.kind === "date" ? "date" : "text", autocomplete: "off"});
    }
    node.value = value ?? "";
    const label = h("label", {for: domId}, title, isLong && one.help && note(` ${one.help}`));
    return h("div", {class: "rk-field"}, label, node, below);
  }

  function rows(key, one, holder) {
    const list = holder[one.name];
    const change = (edit) => () => { edit(); typed(); redrawBody(); };
    const add = () => list.push(Object.fromEntries(one.columns.map((column) => [column.name, ""])));
    const cell = (column, at) => {
      const title = `${one.row} ${at + 1}: ${column.title}`;
      return field(key, {...column, title}, `${one.name}.${at}.${column.name}`, list[at]);
    };
    const row = (_, at) => h("div", {class: "rk-row"},
      one.columns.map((column) => cell(column, at)),
      linkButton(`Remove ${at + 1}`, change(() => list.splice(at, 1))));
    return h("fieldset", {class: "rk-field"}, h("legend", null, h("b", null, one.title)), muted(one.help),
      list.map(row),
      errorLine(`${key}-${one.name}`),
      linkButton(`Add to ${one.title.toLowerCase()}`, change(add)));
  }

  function inputs(section) {
    const {key} = section, holder = values[key], isOpen = unfolded.has(key);
    const build = (one) => (one.kind === "rows" ? rows(key, one, holder) : field(key, one, one.name, holder));
    const folded = section.fields.filter((one) => one.is_folded);
    const open = section.fields.filter((one) => !one.is_folded);
    const edit = {"data-id": `edit-${key}`, "aria-expanded": String(isOpen)};
    return [
      open.map((one) => [build(one), one.name === "note" && chips(section)]),
      folded.length > 0 && h("div", {class: "rk-fold"},
        !isOpen && section.summary, " ", linkButton(isOpen ? "Close" : "Edit", () => fold(key), edit)),
      isOpen && h("div", null, folded.map(build)),
    ];
  }

  function chips(section) {
    const holder = values[section.key];
    const set = (text) => { holder.note = text; typed(); redrawBody(); input(section.key, "note")?.focus(); };
    const chip = (text) => h("button",
      {class: "rk-chip", "aria-pressed": String(holder.note === text), onclick: () => set(text)}, text);
    return section.reasons.length > 0 && h("div", {class: "rk-chips"}, section.reasons.map(chip));
  }

  function toggle(key) {
    if (!unfolded.delete(key)) unfolded.add(key);
    draw();
  }

  function fold(key) {
    toggle(key);
    const section = state.question.sections.find((one) => one.key === key);
    const first = section.fields.find((one) => one.is_folded);
    if (unfolded.has(key) && first) {
      (input(key, first.name) ?? input(key, `${first.name}.0.${first.columns[0]?.name}`))?.focus();
    }
  }

  function showErrors(errors) { // beside their inputs, which are unfolded for it
    for (const section of state.question.sections) {
      const names = Object.keys(errors[section.key] ?? {}).map((path) => path.split(".")[0]);
      const isFolded = section.fields.some((one) => one.is_folded && names.includes(one.name));
      if (isFolded && !unfolded.has(section.key)) fold(section.key);
    }
    return mark(errors);
  }

  function mark(errors) { // gives the first input with an error, and the errors that have no input
    for (const node of root.querySelectorAll("[data-error]")) node.hidden = true;
    for (const node of root.querySelectorAll("[aria-invalid]")) {
      node.removeAttribute("aria-invalid");
      node.removeAttribute("aria-describedby");
    }
    const unplaced = [];
    let first = null;
    for (const [key, byPath] of Object.entries(errors)) {
      for (const [path, text] of Object.entries(byPath)) {
        const line = root.querySelector(`[data-error="${key}-${CSS.escape(path)}"]`);
        const control = input(key, path);
        control?.setAttribute("aria-invalid", "true");
        if (line) {
          line.hidden = false;
          line.textContent = `✕ ${text}`;
          control?.setAttribute("aria-describedby", line.id);
          first ??= control;
        } else unplaced.push(text);
      }
    }
    return [first, unplaced];
  }

  // -- drawing

  function patch(name, data, build) { // draw a region anew if what it shows has changed; the focus stays
    const text = JSON.stringify(data);
    if (json[name] === text) return false;
    json[name] = text;
    const at = document.activeElement, hadFocus = nodes[name].contains(at) && at !== nodes[name];
    const held = hadFocus ? [at.dataset.id, at.selectionStart, at.selectionEnd] : null;
    nodes[name].replaceChildren(...[build()].flat(9).filter(Boolean));
    if (held) {
      const again = held[0] && root.querySelector(`[data-id="${CSS.escape(held[0])}"]`);
      (again || nodes.pane)?.focus();
      try { if (again && held[1] !== null) again.setSelectionRange(held[1], held[2]); } catch { /* no text */ }
    }
    return true;
  }

  function redrawBody() {
    delete json.body;
    draw();
  }

  function frame() {
    const hadFocus = root.contains(document.activeElement);
    for (const name of Object.keys(json)) delete json[name];
    const region = (name, tag = "div", props = {}) => (nodes[name] = h(tag, {class: `rk-${name}`, ...props}));
    const pane = region("pane", "section", {tabindex: "-1", "aria-label": "Question"});
    pane.append(region("body"), region("message"), region("bar"), region("help"));
    const main = () => h("div", {class: "rk-main"}, region("list", "nav", {"aria-label": "Questions"}), pane);
    root.replaceChildren(region("top"), state.kind === "inbox" ? main() : pane);
    root.dataset.kind = state.kind;
    if (hadFocus) pane.focus();
    const output = root.closest(".jp-OutputArea"); // by now the card is in the page, beside its static twin
    for (const twin of output?.querySelectorAll(".runkit-twin") ?? []) twin.removeAttribute("open");
    for (const line of output?.querySelectorAll(".runkit-nobuttons") ?? []) line.hidden = true;
  }

  function draw() {
    if (root.dataset.kind !== state.kind) frame();
    const {question, status} = state;
    root.dataset.state = status?.state ?? state.kind;
    if (state.kind === "inbox") {
      patch("top", state.top, top);
      patch("list", state.rows, list);
    }
    if (state.kind === "feedback") {
      patch("body", [state.rows, state.title, [...unfolded]], ratings);
      announce(state.spoken);
      return;
    }
    const decisions = question && isCombined() && question.sections.map((one) => values[one.key].decision);
    const shown = [status?.who, status?.final, status?.receipt, isSigning, [...unfolded], decisions];
    patch("body", [question, state.empty, shown], question ? body : empty);
    const asked = [question?.digest, question?.verbs]; // a verb's label changes when its business is identified
    const barData = [...asked, status?.inert, status?.checking, status?.state === "unknown"];
    if (patch("bar", barData, () => (question && canAnswer() ? bar() : []))) disarm(); // its button is gone
    if (!question) say("");
    else if (!waiting) drawStatus();
    drawHints();
    if (status?.final && state.kind === "form" && root.contains(document.activeElement)) leave();
    announce([status?.message, state.spoken].filter(Boolean).join(" "));
  }

  const empty = () => [h("div", {class: "rk-ask"}, state.empty.title), muted(state.empty.text)];

  function drawStatus() {
    const {status} = state, errors = JSON.stringify(status.errors);
    const isNew = errors !== "{}" && errors !== json.errors;
    json.errors = errors;
    const [first, unplaced] = isNew ? showErrors(status.errors) : mark(status.errors);
    say([status.message, ...unplaced].filter(Boolean).join(" "), status.tone);
    if (isNew) first?.focus();
  }

  function leave() { // the card becomes a receipt: the focus goes to the next card, else to the cell
    const cards = [...document.querySelectorAll(".runkit-card")];
    const next = cards.slice(cards.indexOf(root) + 1).find((one) => one.querySelector("button"));
    (next?.querySelector(".rk-pane") ?? root.closest(".jp-Cell[tabindex], .jp-Notebook[tabindex]"))?.focus();
  }

  const canAnswer = () => !state.status.final && !state.status.read_only;

  function withLead(text) { // with its first sentence in bold
    const [lead] = text.match(/^.*?[.:…](?= |$)/) ?? [text];
    return [h("b", null, lead), text.slice(lead.length)];
  }

  function say(text, tone) {
    const copy = state?.status?.copy;
    const copyButton = () => linkButton("Copy your draft", () => navigator.clipboard?.writeText(copy));
    patch("message", [text, tone, copy], () =>
      text && h("div", {class: `rk-said ${tone ?? ""}`}, withLead(text), copy && copyButton()));
  }

  function body() {
    const {question, status} = state;
    return [
      h("div", {class: "rk-head"}, business("h2", question.business), h("code", null, question.run), space(),
        note(`${question.mode} · ${question.host}`)),
      h("div", {class: "rk-ask"}, question.title), muted(question.asked),
      status.receipt && h("div", {class: `rk-said ${status.tone}`}, withLead(status.receipt)),
      question.proposals.map(proposal),
      question.more && muted(question.more),
      !isCombined() && [muted(question.sections[0].reason),
        canAnswer() && [inputs(question.sections[0]), errorLine("0-decision")]],
      canAnswer() && signature(),
      h("details", null, h("summary", null, "What the agent sent, as JSON"), h("pre", null, question.raw)),
    ];
  }

  function proposal(one, at) {
    const {sections, proposals} = state.question;
    return h("div", {class: "rk-proposal"},
      proposals.length > 1 && h("div", null, h("b", null, `${at + 1}. ${one.title}`), note(` ${one.agent}`)),
      one.evidence.length ? one.evidence.map(finding) : muted("The agent gave no evidence."),
      one.left_out && muted(one.left_out),
      isCombined() && canAnswer() && [inputs(sections[at]), choices(sections[at])]);
  }

  function choices(section) {
    const choice = chosen(section);
    const buttons = section.verbs.map((verb, at) => {
      const isChosen = verb === choice, onclick = () => choose(section, verb.value);
      const props = {"data-id": `verb-${section.key}-${at}`, "aria-pressed": String(isChosen), onclick};
      return h("button", {class: "rk-button", ...props}, isChosen ? `✓ ${verb.button}` : verb.button);
    });
    return h("div", {class: "rk-choices"}, buttons,
      choice && note("Your choice, not sent yet"), errorLine(`${section.key}-decision`));
  }

  function signature() {
    const {who, login} = state.status;
    if (isSigning) {
      const props = {id: `${id}-who`, "data-id": "who", type: "text", autocomplete: "off", maxlength: 80};
      return h("div", {class: "rk-field"},
        h("label", {for: props.id}, h("b", null, "Your name"),
          note(` goes into the audit record, else ${who} (login)`)),
        h("input", {...props, onchange: (event) => sign(event.target.value.trim())}));
    }
    const change = () => { isSigning = true; draw(); root.querySelector('[data-id="who"]')?.focus(); };
    return h("div", {class: "rk-who rk-muted"},
      "You answer as ", h("b", null, who), login ? " (login). " : ". ",
      linkButton("Change", change, {"data-id": "change"}));
  }

  function bar() {
    const {question, status} = state;
    const button = (props, ...children) => h("button", {class: "rk-button", ...props}, children);
    const kbd = (key) => key && h("kbd", null, key);
    if (status.state === "unknown") {
      const onclick = () => send({check: true});
      return status.checking ? [] : button({"data-id": "check", onclick}, "Check again");
    }
    const verbs = question.verbs.map((verb, at) => {
      const isMain = at === 0, onclick = () => press(verb.value);
      const style = `rk-button rk-verb ${isMain ? "rk-main-verb" : ""}`;
      return button({class: style, "data-id": `press-${verb.value}`, onclick},
        h("span", {class: "rk-calm"}, verb.button, kbd(isMain ? "Ctrl Enter" : verb.key)),
        h("span", {class: "rk-again"}, verb.again));
    });
    const all = question.all.map(([text, key]) => button({onclick: () => chooseAll(key)}, text, kbd(key)));
    const later = () => button({"data-id": "later", onclick: putOff}, "Later", kbd("H"));
    nodes.hints = h("span", {class: "rk-hints rk-muted"});
    return [verbs, all, state.kind === "inbox" && later(), nodes.hints];
  }

  function drawHints() {
    if (!nodes.hints) return;
    const combined = state.question && isCombined();
    nodes.hints.textContent = armed ? "Esc to cancel" : combined ? progress() : isLab() ? "? keys" : "";
    const isIncomplete = Boolean(combined && lacks().length);
    nodes.bar.querySelector(".rk-main-verb")?.classList.toggle("rk-dim", isIncomplete);
    const help = () => KEYS.map(([key, what]) => h("span", null, h("kbd", null, key), ` ${what}`));
    patch("help", isHelp, () => isHelp && help());
  }

  // -- inbox and ratings

  function top() {
    const it = state.top;
    nodes.age = note();
    drawAge();
    const filter = {type: "text", placeholder: "Filter", onchange: (event) => send({filter: event.target.value})};
    const names = {class: "rk-filter", "data-id": "filter", "aria-label": "Filter questions"};
    const refresh = {"data-id": "refresh", title: "Refresh all", "aria-label": "Refresh all"};
    return [
      h("b", null, it.title), pill(it.mode, it.mode === "LIVE" ? "live" : ""),
      it.oldest && note(`oldest ${it.oldest}`), space(), note("Signed as ", h("b", null, it.who)), nodes.age,
      it.filter && h("input", {...filter, ...names}),
      linkButton("↻", () => send({refresh: true}), refresh),
      it.error && h("div", {class: "rk-said attention"}, it.error),
    ];
  }

  function drawAge() {
    if (!nodes.age || state?.top?.age === undefined) return;
    const seconds = state.top.age + (performance.now() - receivedAt) / 1000;
    nodes.age.textContent = `updated ${Math.round(seconds)} s ago`;
  }

  const list = () => state.rows.map(item);

  function item(row) {
    if (row.head) return h("div", {class: "rk-group"}, row.head);
    const props = {class: `rk-item ${row.is_done ? "rk-done" : ""}`, "data-id": `row-${row.key}`};
    const current = {"aria-current": row.is_open ? "true" : null, disabled: row.is_fixed};
    return h("button", {...props, ...current, onclick: () => openRow(row.key)},
      h("span", {class: "rk-name"}, business("b", row.business), h("code", null, row.run)),
      h("span", {class: `rk-age ${row.tone}`}, row.age),
      h("span", {class: "rk-line"}, row.question));
  }

  function openRow(key) {
    sendDraft();
    send({open: key});
    nodes.pane.focus();
  }

  function putOff() {
    sendDraft();
    send({later: state.rows.find((row) => row.is_open)?.key});
  }

  function step(by) {
    const items = state.rows.filter((row) => row.key && !row.is_fixed);
    const next = items[items.findIndex((row) => row.is_open) + by];
    if (next) openRow(next.key);
  }

  const ratings = () => [h("div", {class: "rk-ask"}, state.title), state.rows.map(rating)];

  function rating(row) {
    const thumb = (value, words) => {
      const isOn = row.rating === value;
      const props = {"data-id": `${value}-${row.id}`, "aria-label": `${words}: ${row.title}`};
      const onclick = () => send({rate: row.id, rating: value, comment: comments[row.id] ?? ""});
      const pressed = {class: "rk-button rk-thumb", "aria-pressed": String(isOn)};
      return h("button", {...props, ...pressed, onclick}, isOn ? `✓ ${words}` : words);
    };
    const openComment = () => {
      toggle(row.id);
      root.querySelector(`[data-id="c-${CSS.escape(row.id)}"]`)?.focus();
    };
    const canRate = row.id && !state.read_only;
    return h("div", {class: "rk-proposal"},
      h("div", {class: "rk-head"},
        h("b", null, row.title), row.confidence && pill(row.confidence, row.tone), space(),
        canRate && [thumb("positive", "Helpful"), thumb("negative", "Not helpful"),
          linkButton("comment", openComment, {"data-id": `link-${row.id}`})]),
      h("div", null, row.summary),
      row.text && h("div", {class: row.problem ? "rk-error" : "rk-muted"}, row.text),
      unfolded.has(row.id) && comment(row));
  }

  function comment(row) {
    const dataId = `c-${row.id}`, domId = `${id}-${dataId}`;
    const oninput = (event) => { comments[row.id] = event.target.value; };
    return [
      h("label", {class: "rk-muted", for: domId}, "Comment, sent with the rating"),
      h("textarea", {id: domId, "data-id": dataId, rows: 2, maxlength: 5000, oninput}, comments[row.id]),
    ];
  }

  function watchZoom() { // the kernel keeps the zoom of a chart that it redraws
    if (!state?.zoom) return;
    for (const plot of root.closest(".jp-Cell")?.querySelectorAll(".js-plotly-plot") ?? []) {
      if (plot.runkitWatched || !plot.on) continue;
      plot.runkitWatched = true;
      plot.on("plotly_relayout", () => {
        const {autorange, range} = plot.layout.xaxis;
        send({zoom: autorange === true ? null : range});
      });
    }
  }

  // -- keys and focus

  function onKey(event) {
    const at = event.target, isField = at.matches("textarea, select, input");
    const hasModifier = event.ctrlKey || event.metaKey || event.altKey;
    const isSend = event.key === "Enter" && (event.ctrlKey || event.metaKey);
    const isClick = event.key === "Enter" && at.matches("button, a, summary");
    if (event.key === "Escape") {
      if (armed) disarm();
      else if (state?.kind === "inbox" && !isField) root.querySelector('[aria-current="true"]')?.focus();
      else nodes.pane?.focus();
    } else if (event.repeat && (isSend || !isField)) { // a held key is one press
      if (!["ArrowDown", "ArrowUp", "Tab"].includes(event.key)) event.preventDefault();
      return;
    } else if (isSend && state?.question) press(state.question.verbs[0].value);
    else if (hasModifier || isField || isClick || !act(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  function act(key) {
    if (!isLab() || !state?.question) return false;
    const {question} = state, isInbox = state.kind === "inbox", [section] = question.sections;
    const by = {j: 1, ArrowDown: 1, k: -1, ArrowUp: -1}[key];
    const has = (word) => word === key.toUpperCase();
    const all = question.all.find(([, word]) => has(word));
    const verb = question.verbs.find((one) => has(one.key));
    if (by && isInbox) step(by);
    else if (key === "Enter") (nodes.body.querySelector("textarea, input, select") ?? nodes.pane).focus();
    else if (all) chooseAll(all[1]);
    else if (verb) press(verb.value);
    else if (key === "h" && isInbox) putOff();
    else if (key === "e" && section.fields.some((one) => one.is_folded)) fold(section.key);
    else if (key === "?") {
      isHelp = !isHelp;
      drawHints();
    } else return false;
    return true;
  }

  root.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (link && state?.question) (opened[state.question.digest] ??= new Set()).add(link.href);
  });
  root.addEventListener("focusin", (event) => {
    if (armed && event.target !== armed.anchor && event.target !== armed.button) disarm();
  });
  root.addEventListener("focusout", (event) => {
    if (armed && !root.contains(event.relatedTarget)) disarm();
  });
  root.addEventListener("keydown", onKey);
  root.append(muted("Loading…"), h("div", {class: "rk-skeleton"}));
  const timer = setInterval(() => { drawAge(); watchZoom(); }, 1000);
  announce("");
  listen();
  model.on("change:layout", listen);
  return () => {
    sendDraft();
    clearInterval(timer);
    clearTimeout(slowTimer);
    model.off("change:layout", listen);
    sender.off("msg:custom", onMessage);
    send({gone: id});
  };
}

export default {render};
