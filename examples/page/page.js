// Shows each event of /live, sends the form without leaving the page, shows /lines as they arrive, and what is written on
// /wall.
// Rates are differences between two events; how the server measures is not known here.
"use strict";

const element = (id) => document.getElementById(id);
const show = (id, text) => { element(id).textContent = text; };
const REQUESTS = 300;
const AT_ONCE = 6; // No browser opens more connections to one site.
const SECONDS_SHOWN = 60;
const LINES_SHOWN = 5;
const PAUSE_MS = 1000; // As long as EventSource waits until it connects again, or so.
const curve = [];
let last = null;

function seconds(value) {
  if (value >= 1) return `${value.toFixed(1)} s`;
  return value >= 1e-3 ? `${(value * 1e3).toFixed(1)} ms` : `${(value * 1e6).toFixed(0)} µs`;
}

function duration(value) {
  const parts = [Math.floor(value / 3600), Math.floor(value / 60) % 60, Math.floor(value) % 60];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}

function showEvent(event) {
  const now = JSON.parse(event.data);
  for (const name of ["requests", "connections", "running"]) show(name, now[name].toLocaleString("en"));
  for (const name of ["loop", "python"]) show(name, now[name]);
  show("median", seconds(now.median));
  show("uptime", duration(now.uptime));
  show("memory", now.memory === null ? "-" : `${(now.memory / 2 ** 20).toFixed(1)} MiB`);
  if (last !== null && now.uptime > last.uptime) showRates(now);
  last = now;
}

function showRates(now) {
  const requests = now.requests - last.requests;
  const rate = requests / (now.uptime - last.uptime);
  show("rate", Math.round(rate).toLocaleString("en"));
  if (requests > 0) show("cost", seconds((now.processor - last.processor) / requests));
  curve.push(rate);
  if (curve.length > SECONDS_SHOWN) curve.shift();
  const most = Math.max(1, ...curve);
  const first = SECONDS_SHOWN - curve.length;
  const points = curve.map((value, index) => `${first + index + 0.5},${15.5 - (14 * value) / most}`);
  element("curve").setAttribute("points", points.join(" "));
}

function follow() {
  const events = new EventSource("/live");
  const tell = (text, isLive) => { show("state", text); element("state").classList.toggle("live", isLive); };
  events.onopen = () => tell("live", true);
  events.onerror = () => { last = null; tell("waiting for the server", false); };
  events.onmessage = showEvent;
}

function openWall() {
  const socket = new WebSocket(location.href.replace(/^http/, "ws").replace(/[^/]*$/, "wall"));
  const form = element("wall");
  const button = form.querySelector("button");
  socket.onopen = () => { element("written").replaceChildren(); button.disabled = false; };
  socket.onmessage = (event) => showNews(JSON.parse(event.data));
  socket.onclose = () => { show("pages", "-"); button.disabled = true; setTimeout(openWall, PAUSE_MS); };
  form.onsubmit = (event) => { event.preventDefault(); socket.send(form.line.value); form.reset(); };
}

function showNews(news) {
  if ("pages" in news) show("pages", news.pages);
  const written = element("written");
  for (const line of news.lines ?? []) written.append(Object.assign(document.createElement("li"), { textContent: line }));
  while (written.children.length > LINES_SHOWN) written.firstChild.remove();
}

async function sendForm(event) {
  event.preventDefault();
  const body = new URLSearchParams(new FormData(element("form")));
  const answer = await fetch("/form", { method: "POST", body });
  // The server has escaped the name; its policy lets a browser run only files of the server.
  element("answer").innerHTML = await answer.text();
}

async function readLines() {
  element("start").disabled = true;
  show("lines", "");
  const answer = await fetch("/lines");
  const reader = answer.body.getReader();
  const decoder = new TextDecoder();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    element("lines").append(decoder.decode(part.value, { stream: true }));
  }
  element("start").disabled = false;
}

async function work() {
  element("work").disabled = true;
  const begun = performance.now();
  let left = REQUESTS;
  const ask = async () => { while (left-- > 0) await (await fetch("/json")).json(); };
  await Promise.all(Array.from({ length: AT_ONCE }, ask));
  const took = (performance.now() - begun) / 1e3;
  show("worked", `${REQUESTS} answers in ${seconds(took)}.`);
  element("work").disabled = false;
}

element("form").addEventListener("submit", sendForm);
element("start").addEventListener("click", readLines);
element("work").addEventListener("click", work);
follow();
openWall();
