// Press, speak, press again: the recording becomes a WAV file here, is sent as OpenAI's clients send it, and the answer appears as it is made.
"use strict";

const at = (id) => document.getElementById(id);
const RATE = 16000;
const KNOWN = ["wav", "mp3", "flac"];
let token = new URLSearchParams(location.hash.slice(1)).get("token") || sessionStorage.getItem("token") || "";
let model = "speccraft";
let canSpeak = false;
let longest = 30;
let recorder = null;
let busy = false;

function say(text) { at("state").textContent = text; }

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function call(path, options = {}) {
  const headers = { ...(options.headers || {}), ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  return fetch(path, { ...options, headers });
}

async function connect() {
  const found = await call("v1/models");
  at("token-form").hidden = found.status !== 401;
  if (!found.ok) { at("about").textContent = found.status === 401 ? "A token is needed." : `The server says ${found.status}.`; return; }
  sessionStorage.setItem("token", token);
  history.replaceState(null, "", location.pathname);
  const told = (await found.json()).data[0];
  model = told.id;
  canSpeak = told.speccraft.speaks;
  longest = told.speccraft.audio_s;
  at("name").textContent = told.id;
  at("about").textContent = `run ${told.speccraft.run}, ${told.speccraft.task}, up to ${longest} s of speech`;
}

// WAV, 16 bit mono, of a file that the browser can play
async function wavOf(blob) {
  const context = new OfflineAudioContext(1, 1, RATE);
  const heard = await context.decodeAudioData(await blob.arrayBuffer());
  const mixer = new OfflineAudioContext(1, Math.max(1, Math.ceil(heard.duration * RATE)), RATE);
  const source = mixer.createBufferSource();
  source.buffer = heard;
  source.connect(mixer.destination);
  source.start();
  const samples = (await mixer.startRendering()).getChannelData(0);
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (offset, word) => [...word].forEach((letter, n) => view.setUint8(offset + n, letter.charCodeAt(0)));
  text(0, "RIFF"); view.setUint32(4, 36 + 2 * samples.length, true); text(8, "WAVEfmt ");
  view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
  view.setUint32(24, RATE, true); view.setUint32(28, 2 * RATE, true); view.setUint16(32, 2, true); view.setUint16(34, 16, true);
  text(36, "data"); view.setUint32(40, 2 * samples.length, true);
  samples.forEach((value, n) => view.setInt16(44 + 2 * n, Math.round(Math.max(-1, Math.min(1, value)) * 32767), true));
  return new Blob([view], { type: "audio/wav" });
}

function base64(blob) {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => failed(reader.error);
    reader.readAsDataURL(blob);
  });
}

async function* eventsOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const pieces = (rest + value).split("\n\n");
    rest = pieces.pop();
    for (const piece of pieces) {
      if (piece.startsWith("data: ") && piece !== "data: [DONE]") yield JSON.parse(piece.slice(6));
    }
  }
}

function facts(entry, told, firstMs, totalMs) {
  if (told.heard) entry.querySelector(".asked").textContent = `Heard: ${told.heard}`;
  const manual = told.manual;
  if (manual && manual.decided !== "answered") {
    const words = { refused: "The manual: refused", confirmation: "The manual: asks for confirmation", withheld: "The manual: answer withheld" };
    const rules = manual.rules.map((rule) => rule.id).join(", ");
    entry.append(element("p", "decided", `${words[manual.decided]}${rules ? ` (${rules})` : ""}${manual.replaced ? ", in the manual's own words" : ""}`));
  }
  entry.append(element("p", "facts", `first piece after ${firstMs} ms, all after ${totalMs} ms`));
}

function play(entry, data) {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const player = document.createElement("audio");
  player.controls = true;
  player.src = URL.createObjectURL(new Blob([bytes], { type: "audio/wav" }));
  entry.append(player);
  player.play().catch(() => say("Press play to hear the answer."));
}

async function ask(content, shown) {
  if (busy) return;
  busy = true;
  const entry = element("li", "", "");
  const answer = element("p", "answer", "");
  entry.append(element("p", "asked", shown), answer);
  at("log").append(entry);
  say("Waiting for the answer…");
  const began = performance.now();
  const since = () => Math.round(performance.now() - began);
  try {
    const body = { model, stream: true, messages: [{ role: "user", content }], speccraft: { transcript: true }, ...(canSpeak ? { modalities: ["text", "audio"], audio: { format: "wav" } } : {}) };
    const found = await call("v1/chat/completions", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    if (!found.ok) throw new Error((await found.json()).error.message);
    let first = null;
    for await (const event of eventsOf(found.body)) {
      if (event.error) throw new Error(event.error.message);
      const delta = event.choices.length ? event.choices[0].delta : {};
      if (delta.content) { first = first === null ? since() : first; answer.textContent += delta.content; }
      if (delta.audio) play(entry, delta.audio.data);
      if (event.speccraft) facts(entry, event.speccraft, first === null ? since() : first, since());
    }
    say("");
  } catch (error) {
    entry.append(element("p", "failed", error.message));
    say("");
  } finally {
    busy = false;
    entry.scrollIntoView({ block: "end" });
  }
}

async function askWith(blob, name) {
  try {
    const ending = name.split(".").pop().toLowerCase();
    const format = KNOWN.includes(ending) ? ending : "wav";
    const data = await base64(KNOWN.includes(ending) ? blob : await wavOf(blob));
    await ask([{ type: "input_audio", input_audio: { data, format } }], name);
  } catch (error) {
    say(`${name} cannot be used: ${error.message}`);
  }
}

async function toggle() {
  if (recorder) { recorder.stop(); return; }
  if (busy) return;
  try {
    if (!navigator.mediaDevices) throw new Error("browsers give the microphone to https and localhost only");
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
    const pieces = [];
    recorder = new MediaRecorder(stream);
    recorder.ondataavailable = (event) => pieces.push(event.data);
    recorder.onstop = async () => {
      stream.getTracks().forEach((track) => track.stop());
      const kind = recorder.mimeType;
      recorder = null;
      at("speak").setAttribute("aria-pressed", "false");
      at("speak").textContent = "Press and speak";
      await askWith(new Blob(pieces, { type: kind }), "what you said");
    };
    recorder.start();
    at("speak").setAttribute("aria-pressed", "true");
    at("speak").textContent = "Press to send";
    say("Listening…");
    const mine = recorder;
    setTimeout(() => { if (recorder === mine) mine.stop(); }, 1000 * Math.max(1, longest - 0.5));
  } catch (error) {
    say(`No microphone: ${error.message}`);
  }
}

at("speak").addEventListener("click", toggle);
at("typed").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = at("text").value.trim();
  if (text && !busy) { at("text").value = ""; ask(text, text); }
});
at("file").addEventListener("change", () => { const file = at("file").files[0]; if (file) askWith(file, file.name).then(() => { at("file").value = ""; }); });
at("drop").addEventListener("dragover", (event) => { event.preventDefault(); at("drop").classList.add("over"); });
at("drop").addEventListener("dragleave", () => at("drop").classList.remove("over"));
at("drop").addEventListener("drop", (event) => {
  event.preventDefault();
  at("drop").classList.remove("over");
  if (event.dataTransfer.files[0]) askWith(event.dataTransfer.files[0], event.dataTransfer.files[0].name);
});
at("token-form").addEventListener("submit", (event) => { event.preventDefault(); token = at("token").value.trim(); connect(); });
connect();
