// What a browser does in asgi_websocket.py: the same visits as those of websocket_visits.py, as far as it can.
// A browser tells no status of a handshake that was refused, sends no pings and no fragments.
"use strict";

const LARGE = Uint8Array.from({ length: 2 ** 20 }, (_, place) => place % 251);
const TEXT = "grüß dich 👋";
const CONNECTIONS = 20;

class Visit {
  constructor(address, subprotocols = []) {
    this.socket = new WebSocket(address, subprotocols);
    this.socket.binaryType = "arraybuffer";
    this.messages = [];
    this.waiting = [];
    this.opened = new Promise((resolve) => {
      this.socket.onopen = () => resolve(true);
      this.socket.onerror = () => resolve(false);
    });
    this.closed = new Promise((resolve) => {
      this.socket.onclose = ({ code, reason, wasClean }) => resolve([code, reason, wasClean]);
    });
    this.socket.onmessage = ({ data }) => {
      if (this.waiting.length) this.waiting.shift()(data); else this.messages.push(data);
    };
  }

  message() {
    return this.messages.length ? this.messages.shift() : new Promise((resolve) => this.waiting.push(resolve));
  }
}

function check(isTrue, what) {
  if (!isTrue) throw new Error(what);
}

async function opened(address, subprotocols) {
  const visit = new Visit(address, subprotocols);
  check(await visit.opened, `not opened: ${address}`);
  return visit;
}

async function messages(site) {
  const visit = await opened(`${site}/echo`);
  for (const text of ["", "x", TEXT, TEXT.repeat(100000)]) {
    visit.socket.send(text);
    check(await visit.message() === text, `a text of ${text.length}`);
  }
  for (const bytes of [new Uint8Array(0), LARGE.slice(0, 126), LARGE]) {
    visit.socket.send(bytes);
    const back = new Uint8Array(await visit.message());
    check(back.length === bytes.length && back.every((byte, place) => byte === bytes[place]), `bytes: ${bytes.length}`);
  }
  check(visit.socket.extensions.startsWith("permessage-deflate"), "compression");
  visit.socket.close();
  check((await visit.closed)[2], "a clean end");
}

async function many(site) {
  const address = `${site}/meet?room=browser&wanted=${CONNECTIONS}`;
  const visits = await Promise.all(Array.from({ length: CONNECTIONS }, () => opened(address)));
  for (const visit of visits) check(await visit.message() === "all are here", "a meeting");
  visits[0].socket.send("a word to all");
  for (const visit of visits) check(await visit.message() === "a word to all", "a word to all");
  for (const visit of visits) visit.socket.close();
  await Promise.all(visits.map((visit) => visit.closed));
}

async function subprotocols(site) {
  const visit = await opened(`${site}/echo`, ["other", "chat"]);
  check(visit.socket.protocol === "chat", "the subprotocol");
  visit.socket.close();
  // A browser takes no connection whose server chose none of what it offered.
  check(!await new Visit(`${site}/echo`, ["other"]).opened, "no subprotocol");
}

async function closing(site) {
  const visit = await opened(`${site}/echo?name=browser`);
  visit.socket.close(4000, TEXT);
  const [code] = await visit.closed;
  check(code === 4000, `the code of its own: ${code}`);
  const ended = await opened(`${site}/ended?name=browser`);
  const [seen, heard] = JSON.parse(await ended.message());
  check(seen === 4000 && heard === TEXT, "what the server saw");
  const closed = await opened(`${site}/close?code=3001&reason=that+is+all`);
  check(await closed.message() === "last words", "the last message");
  const [theirs, because] = await closed.closed;
  check(theirs === 3001 && because === "that is all", "the code of the server");
}

async function denials(site) {
  for (const path of ["refused", "denied"]) {
    const visit = new Visit(`${site}/${path}`);
    check(!await visit.opened, path);
    check((await visit.closed)[0] === 1006, `the code of ${path}`);
  }
}

async function visitAll(site) {
  for (const visit of [messages, many, subprotocols, closing, denials]) await visit(site);
  return "visited";
}
