// Pictures of QR codes, for tests of whoever reads them.

import { writeFileSync } from "node:fs";
import { encodeQR } from "qr";

// gif is a small picture of a code.
export const gif = (text) => Buffer.from(encodeQR(text, "gif", { ecc: "medium", scale: 4, border: 4 }));

// video writes what a camera sees that looks at a code, as a raw film (YUV4MPEG2)
// of a few grey frames, which Chromium takes for a camera.
export function video(path, text, [width, height] = [640, 480]) {
  const rows = encodeQR(text, "raw", { ecc: "medium", border: 4 });
  const scale = Math.floor((height - 20) / rows.length);
  const [left, top] = [width, height].map((side) => Math.floor((side - scale * rows.length) / 2));
  const luma = Buffer.alloc(width * height, 150);
  rows.forEach((row, y) => row.forEach((dark, x) => {
    for (let line = 0; line < scale; line++) luma.fill(dark ? 30 : 225, (top + y * scale + line) * width + left + x * scale, (top + y * scale + line) * width + left + (x + 1) * scale);
  }));
  const frame = Buffer.concat([Buffer.from("FRAME\n"), luma, Buffer.alloc((width * height) / 2, 128)]);
  writeFileSync(path, Buffer.concat([Buffer.from(`YUV4MPEG2 W${width} H${height} F20:1 Ip A1:1 C420jpeg\n`), frame, frame, frame]));
}
