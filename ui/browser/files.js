// Files for tests, and how a page is given them.

import { readFileSync } from "node:fs";

export const film = () => readFileSync(new URL("fixtures/film.webm", import.meta.url)); // 20 s, VP9 and Opus

// picture draws one in the page: a JPEG in base64.
export const picture = (page, words, width = 1200, height = 800, colour = "#2a7a6b") =>
  page.evaluate(async ([words, width, height, colour]) => {
    const canvas = new OffscreenCanvas(width, height);
    const pen = canvas.getContext("2d");
    const sky = pen.createLinearGradient(0, 0, width, height);
    sky.addColorStop(0, colour);
    sky.addColorStop(1, "#27457a");
    pen.fillStyle = sky;
    pen.fillRect(0, 0, width, height);
    pen.fillStyle = "#fff";
    pen.font = `${height / 5}px sans-serif`;
    pen.textAlign = "center";
    pen.fillText(words, width / 2, height / 2);
    const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: "image/jpeg" })).arrayBuffer());
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  }, [words, width, height, colour]);

// pdf is a small document of one page.
export function pdf(words) {
  const content = `BT /F1 36 Tf 72 700 Td (${words}) Tj ET`;
  const objects = [
    "<</Type/Catalog/Pages 2 0 R>>",
    "<</Type/Pages/Kids[3 0 R]/Count 1>>",
    "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
    `<</Length ${content.length}>>\nstream\n${content}\nendstream`,
    "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
  ];
  let text = "%PDF-1.4\n";
  const places = objects.map((object, i) => {
    const at = text.length;
    text += `${i + 1} 0 obj\n${object}\nendobj\n`;
    return at;
  });
  const table = places.map((at) => `${String(at).padStart(10, "0")} 00000 n \n`).join("");
  return Buffer.from(`${text}xref\n0 6\n0000000000 65535 f \n${table}trailer\n<</Size 6/Root 1 0 R>>\nstartxref\n${text.length}\n%%EOF`);
}

const handed = (files) => files.map(({ name, type = "", bytes }) => ({ name, type, base64: typeof bytes === "string" ? bytes : Buffer.from(bytes).toString("base64") }));

// hand gives the page files as a drop or a paste does.
export const hand = (page, how, files, at = "main .said") =>
  page.evaluate(async ([how, files, at]) => {
    const data = new DataTransfer();
    for (const { name, type, base64 } of files) data.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], name, { type }));
    const target = document.querySelector(at);
    if (how === "paste") return void target.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
    for (const step of ["dragenter", "dragover", "drop"]) {
      target.dispatchEvent(new DragEvent(step, { dataTransfer: data, bubbles: true, cancelable: true }));
      await new Promise(requestAnimationFrame);
    }
  }, [how, handed(files), at]);

// call asks the node of a page.
export const call = (page, method, path, body) =>
  page.evaluate(async ([method, path, body]) => {
    const answer = await fetch(`/api/v1${path}`, { method, headers: { "Content-Type": "application/json" }, body: body && JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`);
    return answer.status === 204 ? undefined : answer.json();
  }, [method, path, body]);
