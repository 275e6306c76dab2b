// What comes from the server by itself: who is here and what they are writing, by a WebSocket, and that the notes have
// changed, by a stream of events.

const PAUSE_MS = 1000; // As long as EventSource waits until it connects again, or so.
const TYPING_MS = 150;
const FACES = 5;
const element = (id) => document.getElementById(id);

// Calls `changed` when the count of changes is another one than that of the list which is shown. The stream begins with the
// count as it is, so nothing is missed before it opens, nor while a connection is lost.
export function follow(changed) {
  whileShown(() => {
    const events = new EventSource("/live/notes");
    events.onmessage = (event) => { if (event.data !== element("notes").dataset.changes) changed(); };
    return () => events.close();
  });
}

// Shows who is here; sends what is written in the form, and shows what others write.
export function meet(form) {
  const show = (people) => { showPeople(people); showDrafts(people); };
  let socket, typing, pause;
  const draft = () => ({ note: Number(form.dataset.note), title: form.title.value, text: form.text.value });
  const send = () => { if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(draft())); };
  const connect = () => {
    socket = new WebSocket(location.origin.replace(/^http/, "ws") + "/live/people");
    socket.onopen = send;
    socket.onmessage = (event) => show(JSON.parse(event.data).people);
    socket.onclose = () => { show([]); pause = setTimeout(connect, PAUSE_MS); };
  };
  form.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(send, TYPING_MS); });
  whileShown(() => {
    connect();
    return () => { clearTimeout(pause); socket.onclose = null; socket.close(); };
  });
}

// A browser keeps a page that was left, so that "back" shows it at once: it must not stay connected meanwhile.
function whileShown(connect) {
  let close = connect();
  addEventListener("pagehide", () => close());
  addEventListener("pageshow", (event) => { if (event.persisted) close = connect(); });
}

const make = (name, className, text = "") => Object.assign(document.createElement(name), { className, textContent: text });

function face(person) {
  const shown = make("span", `face tint-${person.tint}`, person.initials);
  shown.title = person.name;
  return shown;
}

function showPeople(people) {
  const words = people.length > 1 ? `${people.length} people here` : people.length === 1 ? "Only you are here" : "connecting";
  const faces = people.slice(0, FACES).map(face);
  element("people").replaceChildren(...faces, make("span", "", words));
}

// A draft of a new note is shown before the notes; a note that somebody edits says so.
function showDrafts(people) {
  if (!element("drafts")) return;
  const others = people.filter((person) => !person.you && person.draft);
  const fresh = others.filter((person) => person.draft.note === 0 && (person.draft.title || person.draft.text));
  element("drafts").replaceChildren(...fresh.map(card));
  for (const badge of document.querySelectorAll(".badge")) badge.remove();
  for (const person of others) {
    const note = document.getElementById(`note-${person.draft.note}`);
    if (note) note.prepend(make("p", `badge tint-${person.tint}`, `${person.name} is editing`));
  }
}

function card(person) {
  const shown = make("article", `note draft tint-${person.tint}`);
  const by = make("div", "by");
  by.append(face(person), make("span", "", `${person.name} is writing …`));
  shown.append(make("h3", "", person.draft.title || "…"), make("p", "text", person.draft.text), by);
  return shown;
}
