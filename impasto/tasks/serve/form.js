// The form: what there is to choose from, as the server says, and the order that it makes.
export const $ = (id) => document.getElementById(id);
export const form = await (await fetch("form")).json();

export const make = (tag, ...given) => Object.assign(document.createElement(tag), ...given);

function choice(group, value, words, image) {
  const label = make("label", { className: "choice" });
  const span = make("span");
  if (image) span.append(make("img", { src: image, alt: "" }));
  span.append(words);
  label.append(make("input", { type: "radio", name: group, value }), span);
  $(group).append(label);
}

const chosen = (group) => document.querySelector(`input[name=${group}]:checked`).value;

function choose(group, value) {
  document.querySelector(`input[name=${group}][value="${value}"]`).checked = true;
}

function applyStyle() {
  const style = form.styles[chosen("styles")];
  if (form.strokes[style.stroke] !== undefined) choose("kinds", style.stroke);
  $("background").value = style.background;
  $("opaque").checked = style.opaque;
  $("palette").value = "";
}

function applyPainter() {
  const { takes } = form.painters.find((one) => one.name === $("painter").value);
  $("look").disabled = takes.length === 0; // it has learned strokes of its own
  for (const input of document.getElementsByName("kinds")) input.disabled = !takes.includes(input.value);
  if (takes.length && !takes.includes(chosen("kinds"))) choose("kinds", takes[0]);
}

export function buildForm() {
  for (const [name, words] of Object.entries(form.qualities)) choice("qualities", name, words);
  for (const name of Object.keys(form.styles)) choice("styles", name, name);
  for (const name of Object.keys(form.strokes)) choice("kinds", name, name, `strokes/${name}`);
  for (const { name, words } of form.painters) $("painter").add(new Option(words, name));
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
  $("strokes").oninput = () => ($("many").value = $("strokes").value);
  $("styles").onchange = applyStyle;
  $("painter").onchange = applyPainter;
}

export function readOrder() {
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
    detail: $("detail").value,
  };
}

export function showSeconds(seconds) {
  for (const input of document.getElementsByName("qualities")) {
    const needs = seconds[input.value];
    const time = needs >= 100 ? `${Math.round(needs / 60)} min` : `${Math.max(1, Math.round(needs))} s`;
    input.nextSibling.textContent = form.qualities[input.value] + (needs ? `, ${time}` : "");
  }
}
