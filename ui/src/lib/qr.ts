// A QR code, drawn here: what it holds is a secret.

import { encodeQR } from "qr";

// The quiet zone that readers need, in modules (ISO/IEC 18004, 5.3.8: four).
const border = 4;

const modules = (text: string) => encodeQR(text, "raw", { ecc: "medium", border });

const most = 2331; // bytes that fit into the largest code, at this redundancy

// qr is a code as one SVG path in a square of `size` units; none, if the text
// is too long for one. A path of runs: a long line has thousands of modules.
export function qr(text: string): { size: number; path: string } | undefined {
  if (text.length > most) return undefined;
  const rows = modules(text);
  let path = "";
  rows.forEach((row, y) => {
    for (let x = 0; x < row.length; x++) {
      const from = x;
      while (row[x]) x++;
      if (x > from) path += `M${from} ${y}h${x - from}v1h-${x - from}z`;
    }
  });
  return { size: rows.length, path };
}

// picture is the code as a PNG, to be kept or sent, at least `width` pixels wide.
export async function picture(text: string, width = 600): Promise<Blob> {
  const rows = modules(text);
  const scale = Math.ceil(width / rows.length);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = rows.length * scale;
  const pen = canvas.getContext("2d")!;
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = "#000";
  rows.forEach((row, y) => row.forEach((dark, x) => dark && pen.fillRect(x * scale, y * scale, scale, scale)));
  return new Promise((done, failed) => canvas.toBlob((blob) => (blob ? done(blob) : failed(new Error("no picture"))), "image/png"));
}
