// The one front end of runkit's cards. It draws what Python describes, as text only, and sends what a person
// does by custom message. Two presses in the same place send an answer; Python checks and sends it once.

const ARM_MS = 500; // after the first press, the second one counts
const DRAFT_MS = 400; // after the last keystroke, what was typed goes to Python
const SLOW_MS = 4000; // without a reply, the kernel is busy or gone
const MAX_RADIOS = 4; // choices; more get a dropdown
const FOCUSABLE = new Set(["A", "BUTTON", "INPUT", "SELECT", "SUMMARY", "TEXTAREA"]);
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/;
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
    h("bdi", null, one.url ? link : one.name),
    one.host && h("span", {class: "rk-muted"}, `(${one.host})`),
    one.tier && h("span", {class: "rk-tier"}, `${one.mark} ${one.tier}`));
}

function finding(one) {
  return h("div", {class: "rk-finding"},
    h("div", null, h("b", null, one.title), " ", one.confidence && pill(one.confidence, one.tone)),
    h("div", {class: "rk-evidence"}, h("div", {class: "rk-summary"}, one.summary), h("div", null, one.sources.map(source))));
}

function render({model, el}) {
  const id = globalThis.crypto?.randomUUID?.() ?? String(Math.random());
  const root = el.appendChild(h("div", {class: "runkit-card mathjax_ignore tex2jax_ignore", "data-state": "loading"}));
  const drafts = {}; // what is in the inputs, by question
  const unfolded = new Set();
  const json = {}; // what each region shows
  const nodes = {};
  const isLab = () => root.closest(".jp-Notebook") !== null;
  let state = null, sender = null, values = {}, armed = null, waiting = 0, newest = 0, sent = 0, received = 0;
  const opened = []; // sources, by the digest of their question
  let draftTimer = 0, slowTimer = 0, isHelp = false, isSigning = false;

  // -- messages

  function send(content) {
    sent += 1;
    try {
      model.send({...content, view: id, n: sent});
    } catch (error) { // the kernel or the widget is gone
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
    sender?.off("msg:custom", onMessage);
    sender = model.get("layout");
    sender.on("msg:custom", onMessage);
    send({ready: id});
  }

  function onMessage(message) {
    if (message.n === undefined || message.n <= newest) return; // an older state, overtaken by a newer one
    newest = message.n;
    received = performance.now();
    if (message.heard?.[0] === id && message.heard[1] >= waiting) { waiting = 0; clearTimeout(slowTimer); }
    const digest = message.question?.digest;
    if (digest !== state?.question?.digest) { disarm(); isSigning = message.status?.ask ?? false; }
    state = message;
    if (digest) values = drafts[digest] ??= structuredClone(message.values);
    draw();
  }

  // -- the two presses

  const verbs = () => state?.question?.sections.length === 1 ? state.question.sections[0].verbs : [state.question.send];
  const isCombined = () => state.question.sections.length > 1;
  const chosen = (section) => section.verbs.find((one) => one.value === values[section.key].decision);
  const isBlank = (value) => value === null || value === undefined || String(value).trim() === "";

  function missing(verb) { // the first input that an answer needs, and what is wrong with it
    for (const section of state.question.sections) {
      const choice = isCombined() ? chosen(section) : verb;
      if (!choice) return [section.key, "decision", "choose an answer"];
      const name = choice.requires.find((one) => isBlank(values[section.key][one]));
      if (name) return [section.key, name, "is required"];
    }
    return null;
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
    const verb = verbs().find((one) => one.value === value);
    if (!verb || waiting || state.status.inert) return;
    const now = performance.now();
    if (armed?.value === value) {
      if (now - armed.at < ARM_MS) return; // a double click is one press
      disarm();
      clearTimeout(draftTimer);
      draftTimer = 0;
      const digest = state.question.digest, own = opened.filter((one) => one.digest === digest);
      const sources = new Set(own.map((one) => one.url));
      if (!send({verb: value, values, digest, opened: sources.size})) return;
      waiting = sent;
      slowTimer = setTimeout(() => say("Still sending: the kernel is busy or gone. Your answer has not left yet. Not responding? Rerun this cell.", "attention"), SLOW_MS);
      say(`Sending your answer… Signed ${state.status.who}`, "neutral");
      return;
    }
    disarm();
    const lack = missing(verb);
    mark(lack ? {[lack[0]]: {[lack[1]]: lack[2]}} : {});
    if (lack) {
      say(isCombined() ? progress() : "Not sent. Fix the field marked below.", "fail");
      (input(lack[0], lack[1]) ?? root.querySelector(`[data-id="verb-${lack[0]}-0"]`))?.focus();
      return;
    }
    const button = root.querySelector(`[data-id="press-${value}"]`);
    if (!document.activeElement?.matches(".runkit-card :is(textarea, input, select)")) button.focus();
    button.classList.add("rk-armed");
    say("");
    armed = {value, at: now, button, anchor: document.activeElement};
    armed.timer = setTimeout(() => { button.dataset.armed = "true"; }, ARM_MS);
    announce(`${verb.button}? ${verb.again}`);
    drawHints();
  }

  function choose(section, value) {
    values[section.key].decision = value;
    typed();
    draw();
  }

  function chooseAll(isYes) {
    for (const section of state.question.sections)
      values[section.key].decision = section.verbs.find((one) => one.key === (isYes ? "A" : "X"))?.value ?? "";
    typed();
    draw();
    const lack = missing();
    if (lack) input(lack[0], lack[1])?.focus();
    else root.querySelector('[data-id^="press-"]')?.focus();
  }

  function typed() { // what is armed was another answer
    disarm();
    if (!state.status.message) say("");
    clearTimeout(draftTimer);
    draftTimer = setTimeout(sendDraft, DRAFT_MS);
  }

  const progress = () => {
    const n = state.question.sections.filter((one) => chosen(one) && !chosen(one).requires.some((name) => isBlank(values[one.key][name]))).length;
    return `${n} of ${state.question.sections.length} answered`;
  };

  // -- inputs

  const input = (key, path) => root.querySelector(`[data-id="in-${key}-${CSS.escape(path)}"]`);

  function field(key, one, path, holder) {
    const dataId = `in-${key}-${path}`, domId = `${id}-${dataId}`, value = holder[one.name], isLong = one.kind === "long_text";
    const set = (next) => { holder[one.name] = next; typed(); hint.hidden = !UNSEEN.test(String(next)); if (isCombined()) drawHints(); };
    const hint = h("div", {class: "rk-muted", hidden: true}, "This text contains invisible characters. They are sent, too.");
    const common = {id: domId, "data-id": dataId, oninput: (event) => set(event.target.value)};
    const error = h("div", {class: "rk-error", id: `${domId}-error`, "data-error": `${key}-${path}`, hidden: true});
    const below = [one.help && !isLong && h("div", {class: "rk-muted"}, one.help), hint, error];
    const title = h("label", {for: domId}, h("b", null, one.title), isLong && one.help ? h("span", {class: "rk-muted"}, ` ${one.help}`) : "");
    if (one.kind === "flag") {
      const box = h("input", {...common, type: "checkbox", oninput: (event) => set(event.target.checked)});
      box.checked = value === true;
      return h("div", {class: "rk-field"}, h("label", null, box, " ", one.title), below);
    }
    if (one.kind === "choice" && one.choices.length <= MAX_RADIOS) {
      const radios = one.choices.map(([label, json], at) => {
        const radio = h("input", {type: "radio", name: domId, value: json, "data-id": at ? `${dataId}-${at}` : dataId, oninput: () => set(json)});
        radio.checked = json === value;
        return h("label", {class: "rk-radio"}, radio, " ", label);
      });
      return h("fieldset", {class: "rk-field", id: domId}, h("legend", null, h("b", null, one.title)), radios, below);
    }
    let node;
    if (one.kind === "choice") {
      node = h("select", common, h("option", {value: ""}, "choose…"), one.choices.map(([label, json]) => h("option", {value: json}, label)));
    } else if (["long_text", "texts", "json"].includes(one.kind)) node = h("textarea", {...common, rows: 2});
    else node = h("input", {...common, type: one.kind === "date" ? "date" : "text", autocomplete: "off"});
    node.value = value ?? "";
    return h("div", {class: "rk-field"}, title, node, below);
  }

  function rows(key, one, holder) {
    const list = holder[one.name];
    const redraw = () => { typed(); json.body = null; draw(); };
    return h("fieldset", {class: "rk-field"}, h("legend", null, h("b", null, one.title)), h("div", {class: "rk-muted"}, one.help),
      list.map((row, number) => h("div", {class: "rk-row"},
        one.columns.map((column) => field(key, {...column, title: `${one.title.replace(/s$/, "")} ${number + 1}: ${column.title.toLowerCase()}`}, `${one.name}.${number}.${column.name}`, row)),
        h("button", {class: "rk-link", onclick: () => { list.splice(number, 1); redraw(); }}, `Remove ${number + 1}`))),
      h("div", {class: "rk-error", "data-error": `${key}-${one.name}`, hidden: true}),
      h("button", {class: "rk-link", onclick: () => { list.push(Object.fromEntries(one.columns.map((column) => [column.name, ""]))); redraw(); }}, `Add to ${one.title.toLowerCase()}`));
  }

  function inputs(section) {
    const holder = values[section.key];
    const draw1 = (one) => (one.kind === "rows" ? rows(section.key, one, holder) : field(section.key, one, one.name, holder));
    const folded = section.fields.filter((one) => one.folded);
    const isOpen = unfolded.has(section.key);
    const open = section.fields.filter((one) => !one.folded).map((one) => [draw1(one), one.name === "note" && chips(section)]);
    return [open, folded.length > 0 && h("div", {class: "rk-fold"},
      !isOpen && section.summary, " ",
      h("button", {class: "rk-link", "data-id": `edit-${section.key}`, "aria-expanded": String(isOpen), onclick: () => fold(section.key)}, isOpen ? "Close" : "Edit")),
    isOpen && h("div", {class: "rk-inputs"}, folded.map(draw1))].filter(Boolean);
  }

  function chips(section) {
    const set = (text) => { values[section.key].note = text; typed(); json.body = null; draw(); input(section.key, "note")?.focus(); };
    return section.reasons.length > 0 && h("div", {class: "rk-chips"}, section.reasons.map((text) =>
      h("button", {class: "rk-chip", "aria-pressed": String(values[section.key].note === text), onclick: () => set(text)}, text)));
  }

  function fold(key) {
    if (!unfolded.delete(key)) unfolded.add(key);
    draw();
    const first = state.question.sections.find((one) => one.key === key).fields.find((one) => one.folded);
    if (unfolded.has(key) && first) (input(key, first.name) ?? input(key, `${first.name}.0.${first.columns[0]?.name}`))?.focus();
  }

  function mark(errors) {
    for (const node of root.querySelectorAll("[data-error]")) { node.hidden = true; node.textContent = ""; }
    for (const node of root.querySelectorAll("[aria-invalid]")) { node.removeAttribute("aria-invalid"); node.removeAttribute("aria-describedby"); }
    const unplaced = [];
    let first = null;
    for (const [key, byPath] of Object.entries(errors ?? {})) {
      for (const [path, text] of Object.entries(byPath)) {
        const node = root.querySelector(`[data-error="${key}-${CSS.escape(path)}"]`), control = input(key, path);
        if (!node) { unplaced.push(text); continue; }
        node.hidden = false;
        node.textContent = `✕ ${text}`;
        control?.setAttribute("aria-invalid", "true");
        control?.setAttribute("aria-describedby", node.id);
        first ??= control;
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

  function frame() {
    const kind = state.kind;
    for (const name of Object.keys(json)) delete json[name];
    const region = (name, tag = "div", props = {}) => (nodes[name] = h(tag, {class: `rk-${name}`, ...props}));
    const pane = region("pane", "section", {tabindex: "-1", "aria-label": "Question"});
    pane.append(region("body"), region("message", "div", {"aria-live": "off"}), region("bar"), region("help"));
    root.replaceChildren(region("top"), kind === "inbox" ? h("div", {class: "rk-main"}, region("list", "nav", {"aria-label": "Questions"}), pane) : pane);
    root.dataset.kind = kind;
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
    if (state.kind === "feedback") { patch("body", [state.rows, state.title], ratings); announce(state.spoken); return; }
    const choices = question && isCombined() ? question.sections.map((one) => values[one.key].decision) : null;
    patch("body", [question, status?.who, status?.final, status?.receipt, isSigning, [...unfolded], choices, state.empty], question ? body : empty);
    patch("bar", [question?.digest, status?.inert, status?.checking, status?.state === "unknown"], () => (question && !status.final ? bar() : []));
    if (!waiting) {
      const [first, unplaced] = mark(status?.errors);
      say([status?.message, ...unplaced].filter(Boolean).join(" "), status?.tone);
      if (status?.state === "invalid" && json.focused !== status.version) { json.focused = status.version; openFolded(status.errors); first?.focus(); }
    }
    drawHints();
    if (status?.final && state.kind === "form" && root.contains(document.activeElement)) leave();
    announce([status?.message, state.spoken].filter(Boolean).join(" "));
  }

  function openFolded(errors) {
    for (const section of state.question.sections) {
      const paths = Object.keys(errors[section.key] ?? {}).map((path) => path.split(".")[0]);
      if (!unfolded.has(section.key) && section.fields.some((one) => one.folded && paths.includes(one.name))) { fold(section.key); mark(errors); }
    }
  }

  function leave() { // the card becomes a receipt: the focus goes to the next card, else to the cell
    const cards = [...document.querySelectorAll(".runkit-card")];
    const next = cards.slice(cards.indexOf(root) + 1).find((one) => one.querySelector("button"));
    (next?.querySelector(".rk-pane") ?? root.closest(".jp-Cell[tabindex], .jp-Notebook[tabindex]"))?.focus();
  }

  function say(text, tone) {
    patch("message", [text, tone], () => text ? [h("div", {class: `rk-said ${tone ?? ""}`}, text,
      state?.status?.copy && h("button", {class: "rk-link", onclick: () => navigator.clipboard?.writeText(state.status.copy)}, "Copy your draft"))] : []);
  }

  function body() {
    const {question, status} = state, n = question.sections.length;
    return [
      h("div", {class: "rk-head"}, h("h2", {class: question.business ? "" : "rk-unknown"}, question.business || "Business not identified yet"),
        h("code", null, question.run), h("span", {class: "rk-space"}), h("span", {class: "rk-muted"}, `${question.mode} · ${question.host}`)),
      h("div", {class: "rk-ask"}, question.title), h("div", {class: "rk-muted"}, question.asked),
      status.receipt && h("div", {class: `rk-said ${status.tone}`}, status.receipt),
      question.sections.map((section, at) => h("div", {class: "rk-proposal"},
        n > 1 && h("div", null, h("b", null, `${at + 1}. ${section.title}`), h("span", {class: "rk-muted"}, ` ${section.agent}`)),
        section.reason && h("div", {class: "rk-muted"}, section.reason),
        section.evidence.length ? section.evidence.map(finding) : h("div", {class: "rk-muted"}, "The agent gave no evidence."),
        section.left_out && h("div", {class: "rk-muted"}, section.left_out),
        n > 1 && !status.final && [inputs(section), h("div", {class: "rk-choices"}, section.verbs.map((verb, index) =>
          h("button", {class: "rk-button", "data-id": `verb-${section.key}-${index}`, "aria-pressed": String(chosen(section) === verb), onclick: () => choose(section, verb.value)},
            chosen(section) === verb ? `✓ ${verb.button}` : verb.button)),
        chosen(section) && h("span", {class: "rk-muted"}, "Your choice, not sent yet"),
        h("div", {class: "rk-error", "data-error": `${section.key}-decision`, hidden: true}))])),
      n === 1 && !status.final && [inputs(question.sections[0]), h("div", {class: "rk-error", "data-error": "0-decision", hidden: true})],
      !status.final && !status.read_only && signature(),
      h("details", null, h("summary", null, "What the agent sent, as JSON"), h("pre", null, question.raw)),
    ].flat(9).filter(Boolean);
  }

  function signature() {
    const {status} = state;
    const sign = (event) => { isSigning = false; if (event.target.value.trim()) send({who: event.target.value}); else draw(); };
    if (isSigning) {
      return h("div", {class: "rk-field"}, h("label", {for: `${id}-who`}, h("b", null, "Your name"), h("span", {class: "rk-muted"}, ` goes into the audit record, else ${status.who} (login)`)),
        h("input", {id: `${id}-who`, "data-id": "who", type: "text", autocomplete: "off", maxlength: 80, onchange: sign}));
    }
    return h("div", {class: "rk-who rk-muted"}, "You answer as ", h("b", null, status.who), status.login ? " (login). " : ". ",
      h("button", {class: "rk-link", "data-id": "change", onclick: () => { isSigning = true; draw(); root.querySelector('[data-id="who"]')?.focus(); }}, "Change"));
  }

  function bar() {
    const {status} = state;
    if (status.state === "unknown") return [h("button", {class: "rk-button", "data-id": "check", hidden: status.checking, onclick: () => send({check: true})}, "Check again")];
    if (status.read_only) return [];
    const buttons = verbs().map((verb, at) => h("button", {
      class: `rk-button rk-verb ${at === 0 ? "rk-main-verb" : ""}`, "data-id": `press-${verb.value}`, onclick: () => press(verb.value),
    }, h("span", {class: "rk-calm"}, verb.button, at === 0 ? h("kbd", null, "Ctrl Enter") : verb.key && h("kbd", null, verb.key)), h("span", {class: "rk-again"}, verb.again)));
    const all = isCombined() ? [["Approve", true, "A"], ["Reject", false, "X"]].map(([word, isYes, key]) =>
      h("button", {class: "rk-button", onclick: () => chooseAll(isYes)}, `${word} ${state.question.sections.length === 2 ? "both" : "all"}`, h("kbd", null, key))) : [];
    const later = state.kind === "inbox" && h("button", {class: "rk-button", "data-id": "later", onclick: later1}, "Later", h("kbd", null, "H"));
    nodes.hints = h("span", {class: "rk-hints rk-muted"});
    return [...buttons, ...all, later, nodes.hints];
  }

  function drawHints() {
    if (!nodes.hints) return;
    const keys = state?.kind === "inbox" ? "J K next, previous · ? all keys" : "? all keys";
    nodes.hints.textContent = armed ? "Esc to cancel" : [state?.question && isCombined() && progress(), isLab() && keys].filter(Boolean).join(" · ");
    nodes.bar?.querySelector(".rk-main-verb")?.classList.toggle("rk-dim", Boolean(state.question && isCombined() && missing()));
    patch("help", isHelp, () => (isHelp ? KEYS.map(([key, what]) => h("span", null, h("kbd", null, key), ` ${what}`)) : []));
  }

  // -- inbox and ratings

  function top() {
    const {top: it} = state;
    nodes.age = h("span", null);
    drawAge();
    return [h("b", null, it.title), pill(it.mode, it.mode === "LIVE" ? "live" : ""), it.oldest && h("span", {class: "rk-muted"}, `oldest ${it.oldest}`),
      h("span", {class: "rk-space"}), h("span", {class: "rk-muted"}, "Signed as ", h("b", null, it.who)), h("span", {class: "rk-muted"}, nodes.age),
      it.filter && h("input", {class: "rk-filter", type: "text", "data-id": "filter", placeholder: "Filter", "aria-label": "Filter questions", onchange: (event) => send({filter: event.target.value})}),
      h("button", {class: "rk-link", "data-id": "refresh", title: "Refresh all", "aria-label": "Refresh all", onclick: () => send({refresh: true})}, "↻"),
      it.error && h("div", {class: "rk-said attention"}, it.error)];
  }

  function drawAge() {
    if (!nodes.age || state?.top?.age === undefined) return;
    nodes.age.textContent = `updated ${Math.round(state.top.age + (performance.now() - received) / 1000)} s ago`;
  }

  function list() {
    return state.rows.map((row) => row.head ? h("div", {class: "rk-group"}, row.head) :
      h("button", {class: `rk-item ${row.is_done ? "rk-done" : ""}`, "data-id": `row-${row.key}`, "aria-current": row.is_open ? "true" : null, disabled: row.is_fixed, onclick: () => open(row.key)},
        h("span", {class: "rk-name"}, h("b", {class: row.business ? "" : "rk-unknown"}, row.business || "Business not identified yet"), " ", h("code", null, row.run)),
        h("span", {class: `rk-age ${row.tone}`}, row.age), h("span", {class: "rk-line"}, row.question)));
  }

  function open(key) { sendDraft(); send({open: key}); nodes.pane.focus(); }
  function later1() { sendDraft(); send({later: state.rows.find((row) => row.is_open)?.key}); }

  function step(by) {
    const items = (state.rows ?? []).filter((row) => row.key && !row.is_fixed);
    const next = items[items.findIndex((row) => row.is_open) + by];
    if (next) open(next.key);
  }

  function ratings() {
    const thumb = (row, rating, words) => h("button", {class: "rk-button rk-thumb", "data-id": `${rating}-${row.id}`,
      "aria-pressed": String(row.rating === rating), "aria-label": `${words}: ${row.title}`,
      onclick: () => send({rate: row.id, rating, comment: values[row.id] ?? ""})}, row.rating === rating ? `✓ ${words}` : words);
    const comment = (row) => [h("label", {class: "rk-muted", for: `${id}-c-${row.id}`}, "Comment, sent with the rating"),
      h("textarea", {id: `${id}-c-${row.id}`, "data-id": `c-${row.id}`, rows: 2, maxlength: 5000, oninput: (event) => { values[row.id] = event.target.value; }}, values[row.id] ?? "")];
    return [h("div", {class: "rk-ask"}, state.title), state.rows.map((row) => h("div", {class: "rk-proposal"}, h("div", {class: "rk-head"},
      h("b", null, row.title), row.confidence && pill(row.confidence, row.tone), h("span", {class: "rk-space"}),
      row.id && !state.read_only && [thumb(row, "positive", "Helpful"), thumb(row, "negative", "Not helpful"),
        h("button", {class: "rk-link", "data-id": `link-${row.id}`, onclick: () => { if (!unfolded.delete(row.id)) unfolded.add(row.id); json.body = null; draw(); root.querySelector(`[data-id="c-${CSS.escape(row.id)}"]`)?.focus(); }}, "comment")]),
    h("div", null, row.summary), row.text && h("div", {class: row.problem ? "rk-error" : "rk-muted"}, row.text), unfolded.has(row.id) && comment(row)))];
  }

  function watchZoom() { // the kernel keeps the zoom of a chart that it redraws
    if (!state?.zoom) return;
    for (const plot of root.closest(".jp-Cell")?.querySelectorAll(".js-plotly-plot") ?? []) {
      if (plot.runkitWatched || !plot.on) continue;
      plot.runkitWatched = true;
      plot.on("plotly_relayout", () => send({zoom: plot.layout.xaxis.autorange === true ? null : plot.layout.xaxis.range}));
    }
  }

  const empty = () => [h("div", {class: "rk-ask"}, state.empty?.title ?? ""), h("div", {class: "rk-muted"}, state.empty?.text ?? "")];

  // -- keys and focus

  function onKey(event) {
    const at = event.target, isField = at.matches("textarea, select, input"), isButton = at.matches("button, a, summary");
    const isSend = event.key === "Enter" && (event.ctrlKey || event.metaKey);
    if (event.key === "Escape") {
      if (armed) disarm();
      else if (state?.kind === "inbox" && !isField) root.querySelector('[aria-current="true"]')?.focus();
      else nodes.pane?.focus();
    } else if (event.repeat && (isSend || !isField)) { /* a held key is one press */
      if (!["ArrowDown", "ArrowUp", "Tab"].includes(event.key)) event.preventDefault();
      return;
    } else if (isSend && state?.question) press(verbs()[0].value);
    else if (event.ctrlKey || event.metaKey || event.altKey || isField || (event.key === "Enter" && isButton) || !act(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  function act(key) {
    if (!isLab() || !state?.question) return false;
    const section = state.question.sections[0];
    const by = {j: 1, ArrowDown: 1, k: -1, ArrowUp: -1}[key];
    const verb = key.length === 1 && verbs().find((one) => one.key === key.toUpperCase());
    if (by && state.kind === "inbox") step(by);
    else if (key === "Enter") (root.querySelector(".rk-body :is(textarea, input, select)") ?? nodes.pane).focus();
    else if (isCombined() && (key === "a" || key === "x")) chooseAll(key === "a");
    else if (verb) press(verb.value);
    else if (key === "h" && state.kind === "inbox") later1();
    else if (key === "e" && section.fields.some((one) => one.folded)) fold(section.key);
    else if (key === "?") { isHelp = !isHelp; drawHints(); }
    else return false;
    return true;
  }

  const onOpen = (event) => {
    const link = event.target.closest("a[href]");
    if (link && state?.question) opened.push({digest: state.question.digest, url: link.href});
  };
  const onFocusIn = (event) => { if (armed && event.target !== armed.anchor && event.target !== armed.button) disarm(); };
  const onFocusOut = (event) => { if (armed && !root.contains(event.relatedTarget)) disarm(); };
  root.addEventListener("click", onOpen);
  root.addEventListener("keydown", onKey);
  root.addEventListener("focusin", onFocusIn);
  root.addEventListener("focusout", onFocusOut);
  root.append(h("div", {class: "rk-muted"}, "Loading…"), h("div", {class: "rk-skeleton"}));
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
