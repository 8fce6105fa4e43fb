// The page: a form, an easel, and what is asked of the server. `me` is this visitor's secret name.
const $ = (id) => document.getElementById(id);
const me = [...crypto.getRandomValues(new Uint8Array(16))].map((n) => n.toString(16).padStart(2, "0")).join("");
const form = await (await fetch("form")).json();
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
let photoName = "", painted = 0, paintings = 0, playing = 0, wanted = null, marked = false, timer = 0;

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

// --- the form -----------------------------------------------------------------------------------

function choice(group, value, words, image) {
  const label = document.createElement("label");
  const input = Object.assign(document.createElement("input"), { type: "radio", name: group, value });
  const span = document.createElement("span");
  if (image) span.append(Object.assign(document.createElement("img"), { src: image, alt: "" }));
  span.append(words);
  label.className = "choice";
  label.append(input, span);
  $(group).append(label);
}

const chosen = (group) => document.querySelector(`input[name=${group}]:checked`).value;
const choose = (group, value) => (document.querySelector(`input[name=${group}][value="${value}"]`).checked = true);

function applyStyle() {
  const style = form.styles[chosen("styles")];
  if (form.strokes[style.stroke] !== undefined) choose("kinds", style.stroke);
  $("background").value = style.background;
  $("opaque").checked = style.opaque;
  $("palette").value = style.palette ?? "";
}

function applyPainter() {
  const takes = form.painters.find((one) => one.name === $("painter").value).takes;
  $("look").disabled = takes.length === 0; // it has learned strokes of its own
  for (const input of document.getElementsByName("kinds")) input.disabled = !takes.includes(input.value);
  if (takes.length && !takes.includes(chosen("kinds"))) choose("kinds", takes[0]);
}

function order() {
  const hex = parseInt($("background").value.slice(1), 16);
  return {
    painter: $("painter").value,
    stroke: chosen("kinds"),
    strokes: Number($("strokes").value),
    style: chosen("styles"),
    quality: chosen("qualities") || null,
    opaque: $("opaque").checked,
    palette: Number($("palette").value) || null,
    background: [hex >> 16, (hex >> 8) & 255, hex & 255].map((level) => level / 255),
    seed: Number($("seed").value),
    detail: marked ? "none" : $("detail").value,
  };
}

function askSeconds() {
  clearTimeout(timer);
  if (!photoName || !$("stop").disabled) return;
  timer = setTimeout(async () => {
    const seconds = await ask("seconds", JSON.stringify(order())).catch(() => ({}));
    for (const input of document.getElementsByName("qualities")) {
      const needs = seconds[input.value];
      const words = needs >= 100 ? `${Math.round(needs / 60)} min` : `${Math.max(1, Math.round(needs))} s`;
      input.nextSibling.textContent = form.qualities[input.value] + (needs ? `, ${words}` : "");
    }
  }, 300);
}

function build() {
  for (const [name, words] of Object.entries(form.qualities)) choice("qualities", name, words);
  for (const name of Object.keys(form.styles)) choice("styles", name, name);
  for (const name of Object.keys(form.strokes)) choice("kinds", name, name, `strokes/${name}`);
  for (const { name, words } of form.painters) $("painter").add(new Option(words, name));
  for (const [name, what] of Object.entries(form.examples)) {
    const button = Object.assign(document.createElement("button"), { type: "button", id: `example-${name}` });
    button.append(Object.assign(document.createElement("img"), { src: `examples/${name}`, alt: `Paint ${what}` }));
    button.onclick = guarded(async () => {
      const blob = await (await fetch(`examples/${name}`)).blob();
      await take(new File([blob], `${name}.png`));
      await paint();
    });
    $("examples").append(button);
  }
  for (const [name, words] of Object.entries(form.exports)) {
    const button = Object.assign(document.createElement("button"), { type: "button", id: `export-${name}` });
    button.textContent = words;
    button.onclick = guarded(() => download(button, name, words));
    $("exports").append(button);
  }
  const first = form.suggested;
  $("strokes").max = form.most.strokes;
  $("strokes").value = first.strokes;
  $("many").value = first.strokes;
  $("size").value = first.size ?? "";
  $("painter").value = first.painter;
  choose("styles", first.style);
  choose("qualities", first.quality);
  applyStyle();
  choose("kinds", first.stroke);
  applyPainter();
}

// --- the picture --------------------------------------------------------------------------------

async function take(file) {
  if (!$("stop").disabled) throw new Error("Stop first, or wait for the painting.");
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
  const whole = Object.assign(document.createElement("canvas"), { width: $("mask").width, height: $("mask").height });
  const pen = whole.getContext("2d");
  pen.fillRect(0, 0, whole.width, whole.height);
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
  const wish = { ...order(), mask: marked ? maskPicture() : null };
  working(true);
  try {
    const answer = await fetch(`${me}/paint`, { method: "POST", body: JSON.stringify(wish) });
    if (!answer.ok) throw new Error((await answer.json()).text);
    for await (const message of lines(answer.body)) {
      tell(message.text, message.wrong);
      $("progress").hidden = message.share === null;
      $("progress").value = message.share ?? 0;
      if (message.picture) {
        over(false);
        show(0);
        $("picture").src = message.picture;
        $("picture").alt = `The painting of ${photoName} so far`;
      }
      if (message.strokes) painted = message.strokes;
      if (message.strokes) finished();
    }
  } finally {
    working(false);
  }
}

function working(on) {
  $("paint").disabled = $("another").disabled = on;
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
  if (!still) play();
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
    const image = Object.assign(new Image(), { src: `${me}/view/${next}?painting=${paintings}` });
    await image.decode().catch(() => {});
    $("picture").src = image.src;
    if (wanted === next) wanted = null;
  }
}

async function play() {
  const turn = ++playing, begun = performance.now(), seconds = Math.min(8, Math.max(0.1, painted / 8));
  for (let count = 0; turn === playing; count = Math.min(painted, Math.max(count + 1, Math.floor((painted * (performance.now() - begun)) / 1000 / seconds)))) {
    await view(count);
    if (count === painted) return;
    await new Promise((later) => setTimeout(later, 60));
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
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: file });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    tell(`${file}: ${(blob.size / 1e6).toFixed(2)} MB.`);
  } finally {
    button.disabled = false;
  }
}

// --- what is done by hand -----------------------------------------------------------------------

build();
$("form").onsubmit = (event) => (event.preventDefault(), guarded(paint)());
$("form").onchange = (event) => {
  if (event.target.name === "styles") applyStyle();
  if (event.target.id === "painter") applyPainter();
  askSeconds();
};
$("strokes").oninput = () => ($("many").value = $("strokes").value);
$("stop").onclick = guarded(() => (tell("Stopping …"), ask("stop", "")));
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
