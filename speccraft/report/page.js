"use strict";
// The page works without this: it opens examples, filters and sorts clips, and plays one at a time. It asks for nothing and writes no markup.
(() => {
  const byId = (id) => document.getElementById(id);
  const clips = [...document.querySelectorAll(".clip")];
  const tools = byId("tools");
  let showAll = () => {};

  function reveal() {
    const target = location.hash.length > 1 ? byId(location.hash.slice(1)) : null;
    if (!target) return;
    const fold = target.closest("details");
    if (fold) fold.open = true;
    if (target.hidden) showAll();
    if (fold || target.classList.contains("clip")) target.scrollIntoView({ block: fold ? "center" : "start" });
    (fold ? fold.querySelector("summary") : target).focus({ preventScroll: true });
  }
  addEventListener("hashchange", reveal);

  if (tools) {
    const filters = ["topic", "fate", "split", "source"].map(byId);
    const [words, sort, order, reset] = ["words", "sort", "order", "reset"].map(byId);
    const number = (clip, name) => (clip.dataset[name] ? Number(clip.dataset[name]) : null);
    const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());

    const wanted = (clip) => {
      const [topic, fate, split, source] = filters.map((one) => one.value);
      return (!topic || clip.dataset.topics.trim().split(" ").includes(topic))
        && (!fate || clip.dataset.fate === fate) && (!split || clip.dataset.split === split) && (!source || clip.dataset.source === source)
        && clip.querySelector("blockquote").textContent.toLocaleLowerCase().includes(words.value.toLocaleLowerCase());
    };
    const arrange = () => {
      const name = camel(sort.value);
      const down = order.getAttribute("aria-pressed") === "true" ? -1 : 1;
      const key = (clip) => (name ? number(clip, name) : clips.indexOf(clip));
      const sorted = [...clips].sort((one, other) => {
        const [a, b] = [key(one), key(other)];
        if (a === null || b === null) return (a === null) - (b === null);
        return down * (a - b) || clips.indexOf(one) - clips.indexOf(other);
      });
      let shown = 0;
      for (const clip of sorted) {
        clip.hidden = !wanted(clip);
        shown += clip.hidden ? 0 : 1;
        if (clip.hidden) clip.querySelectorAll("audio").forEach((audio) => audio.pause());
      }
      byId("clips").append(...sorted);
      byId("count").textContent = `${shown} of ${clips.length} clips`;
      byId("none").hidden = shown > 0;
    };
    showAll = () => {
      for (const one of filters) one.value = "";
      words.value = "";
      arrange();
    };
    for (const one of [tools, byId("keys")]) one.hidden = false;
    for (const one of [...filters, sort]) one.addEventListener("change", arrange);
    words.addEventListener("input", arrange);
    order.addEventListener("click", () => {
      order.setAttribute("aria-pressed", String(order.getAttribute("aria-pressed") !== "true"));
      arrange();
    });
    reset.addEventListener("click", showAll);
    arrange();
  }

  for (const figure of document.querySelectorAll(".sounds figure")) {
    const [picture, head, audio] = [".picture", ".playhead", "audio"].map((name) => figure.querySelector(name));
    audio.addEventListener("play", () => {
      for (const other of document.querySelectorAll("audio")) if (other !== audio) other.pause();
    });
    audio.addEventListener("timeupdate", () => {
      head.hidden = !audio.currentTime;
      head.style.left = `${(100 * audio.currentTime) / (audio.duration || 1)}%`;
    });
    picture.classList.add("seeks");
    picture.addEventListener("click", (event) => {
      const box = picture.getBoundingClientRect();
      audio.currentTime = ((event.clientX - box.left) / box.width) * (audio.duration || 0);
      audio.play();
    });
  }

  let here = null;
  const go = (clip) => {
    if (!clip) return;
    if (here) here.classList.remove("here");
    here = clip;
    here.classList.add("here");
    here.focus({ preventScroll: true });
    here.scrollIntoView({ block: "nearest" });
  };
  const move = (step) => {
    const shown = [...document.querySelectorAll(".clip:not([hidden])")];
    go(shown[Math.min(Math.max(shown.indexOf(here) + step, 0), shown.length - 1)]);
  };
  const playing = () => here && [...here.querySelectorAll("audio")].find((audio) => !audio.paused);
  const play = () => {
    if (!here) move(1);
    if (!here) return;
    const audio = playing() || here.querySelector("audio");
    if (audio.paused) audio.play(); else audio.pause();
  };
  const change = () => {
    const audios = here ? [...here.querySelectorAll("audio")] : [];
    if (audios.length < 2) return;
    const from = playing() || audios[0];
    const to = audios[(audios.indexOf(from) + 1) % audios.length];
    to.currentTime = from.currentTime;
    to.play();
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
    const act = { j: () => move(1), k: () => move(-1), p: play, x: change, "/": () => byId("words") && byId("words").focus() }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  addEventListener("focusin", (event) => {
    const clip = event.target.closest && event.target.closest(".clip");
    if (clip && clip !== here) { if (here) here.classList.remove("here"); here = clip; here.classList.add("here"); }
  });
  reveal();
})();
