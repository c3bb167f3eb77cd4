// A QR code as one SVG path in a square of `size` units, drawn here: what it
// holds is a secret.

import { encode } from "uqr";

export function qr(text: string): { size: number; path: string } {
  const { size, data } = encode(text, { ecc: "M", border: 3 });
  let path = "";
  data.forEach((row, y) => row.forEach((dark, x) => (path += dark ? `M${x} ${y}h1v1h-1z` : "")));
  return { size, path };
}
