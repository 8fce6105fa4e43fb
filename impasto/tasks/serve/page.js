// The page: an easel, and what is asked of the server. `me` is this visitor's secret name.
import { $, buildForm, form, make, readOrder, showSeconds } from "./form.js";

const me = [...crypto.getRandomValues(new Uint8Array(16))].map((n) => n.toString(16).padStart(2, "0")).join("");
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
let photoName = ""; // of the picture that is there
let marked = false; // by the brush
let painted = 0; // strokes of the painting
let paintings = 0;
let request = null; // while it paints
let seen = false; // whether a stroke was, since it began
let playing = 0; // which turn; another one ends it
let wanted = null; // the view that is on its way
let timer = 0;

function tell(text, wrong = false) {
  $("status").textContent = text;
  $("status").classList.toggle("wrong", wrong);
}

async function ask(what, body) {
  const answer = await fetch(`${me}/${what}`, { method: "POST", body });
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.text);
  return found;
}

const guarded = (work) => (...given) => work(...given).catch((error) => tell(error.message, true));

function askSeconds() {
  clearTimeout(timer);
  if (!photoName || request) return;
  timer = setTimeout(async () => {
    showSeconds(await ask("seconds", JSON.stringify(readOrder())).catch(() => ({})));
  }, 300);
}

// --- the picture --------------------------------------------------------------------------------

async function take(file) {
  if (request) throw new Error("Stop first, or wait for the painting.");
  if (file.size > form.most.megabytes * 1e6) throw new Error(`${file.name} is larger than ${form.most.megabytes} MB`);
  const found = await ask(`photo?name=${encodeURIComponent(file.name)}`, file);
  photoName = file.name;
  $("photo").src = found.picture;
  $("photo").alt = `The photograph ${photoName}`;
  $("picture").alt = "";
  $("picture").removeAttribute("src");
  await $("photo").decode();
  const { naturalWidth: width, naturalHeight: height } = $("photo");
  Object.assign($("mask"), { width, height });
  marked = false;
  painted = 0;
  $("easel").style.setProperty("--aspect", width / height);
  show(100);
  over(false);
  tell(found.text);
  askSeconds();
}

function over(painting) {
  $("drop").hidden = true;
  $("easel").hidden = $("tools").hidden = false;
  $("player").hidden = $("files").disabled = !painting;
}

function show(cut) {
  $("cut").value = cut;
  $("easel").style.setProperty("--cut", `${cut}%`);
}

function mark(on) {
  $("mark").setAttribute("aria-pressed", on);
  $("brush").hidden = $("clear").hidden = !on;
  $("mask").hidden = !on;
  if (on) {
    show(100);
    tell("Draw on the picture where detail goes.");
  }
}

function draw(event) {
  if (!event.buttons) return;
  const canvas = $("mask"), pen = canvas.getContext("2d"), box = canvas.getBoundingClientRect();
  const scale = canvas.width / box.width;
  const place = (x, y) => [(x - box.x) * scale, (y - box.y) * scale];
  Object.assign(pen, { lineWidth: $("width").value * scale, lineCap: "round", strokeStyle: "#fff" });
  pen.beginPath();
  pen.moveTo(...place(event.clientX - event.movementX, event.clientY - event.movementY));
  pen.lineTo(...place(event.clientX, event.clientY));
  pen.stroke();
  marked = true;
}

function maskPicture() {
  const { width, height } = $("mask");
  const whole = make("canvas", { width, height });
  const pen = whole.getContext("2d");
  pen.fillRect(0, 0, width, height);
  pen.drawImage($("mask"), 0, 0);
  return whole.toDataURL().split(",")[1];
}

// --- the painting -------------------------------------------------------------------------------

async function* lines(stream) {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop();
    yield* parts.map((part) => JSON.parse(part));
  }
}

async function paint() {
  clearTimeout(timer);
  playing++;
  mark(false);
  const wish = { ...readOrder(), ...(marked && { mask: maskPicture(), detail: "none" }) };
  request = new AbortController();
  seen = false;
  working(true);
  try {
    const body = JSON.stringify(wish);
    const answer = await fetch(`${me}/paint`, { method: "POST", body, signal: request.signal });
    if (!answer.ok) throw new Error((await answer.json()).text);
    for await (const message of lines(answer.body)) {
      follow(message);
      if (message.strokes) break; // of what was stopped the last step goes on
    }
  } catch (error) {
    if (error.name !== "AbortError") throw error;
    tell("Stopped before the first stroke.");
  } finally {
    request = null;
    working(false);
    askSeconds();
  }
}

function follow(message) {
  tell(message.text, message.wrong);
  $("progress").hidden = message.share === null;
  $("progress").value = message.share ?? 0;
  if (message.picture) {
    if (!seen) show(0);
    seen = true;
    over(false);
    $("picture").src = message.picture;
    $("picture").alt = `The painting of ${photoName} so far`;
  }
  if (message.strokes) {
    painted = message.strokes;
    finished();
  }
}

async function stop() {
  if (!seen) request?.abort(); // nothing is there to be kept
  tell("Stopping …");
  await ask("stop", "");
}

function working(on) {
  $("paint").disabled = $("another").disabled = $("mark").disabled = on;
  $("stop").disabled = !on;
  $("files").disabled = on || !painted;
  if (!on) $("progress").hidden = true;
}

function finished() {
  paintings++;
  $("at").max = painted;
  $("picture").alt = `The painting of ${photoName}`;
  over(true);
  at(painted);
  (still ? view(painted) : play()).catch(() => {});
}

function at(count) {
  $("at").value = count;
  $("count").value = `${count} of ${painted}`;
}

async function view(count) {
  at(count);
  const busy = wanted !== null;
  wanted = count;
  while (!busy && wanted !== null) {
    const next = wanted;
    const image = make("img", { src: `${me}/view/${next}?painting=${paintings}` });
    await image.decode().catch(() => {});
    $("picture").src = image.src;
    if (wanted === next) wanted = null;
  }
}

async function play() {
  const turn = ++playing, begun = performance.now();
  const seconds = Math.min(8, Math.max(0.1, painted / 8));
  for (let count = 0; turn === playing; ) {
    await view(count);
    if (count === painted) return;
    await new Promise((later) => setTimeout(later, 60));
    const share = (performance.now() - begun) / 1000 / seconds;
    count = Math.min(painted, Math.max(count + 1, Math.floor(painted * share)));
  }
}

async function download(button, name, words) {
  tell(`Making it: ${words} …`);
  button.disabled = true;
  try {
    const answer = await fetch(`${me}/export/${name}?size=${$("size").value}`);
    if (!answer.ok) throw new Error((await answer.json()).text);
    const file = decodeURIComponent(answer.headers.get("Content-Disposition").split("''")[1]);
    const blob = await answer.blob();
    const link = make("a", { href: URL.createObjectURL(blob), download: file });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    tell(`${file}: ${(blob.size / 1e6).toFixed(2)} MB.`);
  } finally {
    button.disabled = false;
  }
}

// --- what is done by hand -----------------------------------------------------------------------

buildForm();
for (const [name, what] of Object.entries(form.examples)) {
  const button = make("button", { type: "button", id: `example-${name}` });
  button.append(make("img", { src: `examples/${name}`, alt: `Paint ${what}` }));
  button.onclick = guarded(async () => {
    const blob = await (await fetch(`examples/${name}`)).blob();
    await take(new File([blob], `${name}.png`));
    await paint();
  });
  $("examples").append(button);
}
for (const [name, words] of Object.entries(form.exports)) {
  const button = make("button", { type: "button", id: `export-${name}`, textContent: words });
  button.onclick = guarded(() => download(button, name, words));
  $("exports").append(button);
}
$("form").onsubmit = (event) => (event.preventDefault(), guarded(paint)());
$("form").onchange = askSeconds;
$("stop").onclick = guarded(stop);
$("choose").onclick = () => $("file").click();
$("file").onchange = guarded(async () => ($("file").files.length ? take($("file").files[0]) : null));
$("another").onclick = () => {
  playing++;
  mark(false);
  $("easel").hidden = $("tools").hidden = $("player").hidden = true;
  $("drop").hidden = false;
  $("choose").focus();
};
$("mark").onclick = () => mark($("mark").getAttribute("aria-pressed") !== "true");
$("clear").onclick = () => {
  $("mask").getContext("2d").clearRect(0, 0, $("mask").width, $("mask").height);
  marked = false;
};
$("mask").onpointerdown = (event) => ($("mask").setPointerCapture(event.pointerId), draw(event));
$("mask").onpointermove = draw;
$("play").onclick = () => play();
$("at").oninput = () => (playing++, view(Number($("at").value)));
$("cut").oninput = () => show($("cut").value);
addEventListener("paste", guarded(async (event) => (event.clipboardData.files.length ? take(event.clipboardData.files[0]) : null)));
addEventListener("dragover", (event) => (event.preventDefault(), document.body.classList.add("over")));
addEventListener("dragleave", () => document.body.classList.remove("over"));
addEventListener("drop", guarded(async (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  if (event.dataTransfer.files.length) await take(event.dataTransfer.files[0]);
}));
addEventListener("pagehide", () => navigator.sendBeacon(`${me}/leave`));
addEventListener("pageshow", (event) => event.persisted && location.reload());
