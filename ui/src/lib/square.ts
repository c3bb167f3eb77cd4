// A picture that somebody chooses, made into a small square one here: what is in
// the middle, and nothing else that the file tells.

import { base64 } from "./base64";

export const most = 32 << 10; // bytes, as the node takes
const sides = [256, 192, 128, 96]; // pixels
const qualities = [0.85, 0.7, 0.5];

export class NoPicture extends Error {}

// square gives a JPEG in base64.
export async function square(file: Blob): Promise<string> {
  const picture = await createImageBitmap(file).catch(() => {
    throw new NoPicture();
  });
  try {
    for (const side of sides) {
      for (const quality of qualities) {
        const made = await drawn(picture, side, quality);
        if (made.size <= most) return await base64(made);
      }
    }
  } finally {
    picture.close();
  }
  throw new NoPicture();
}

function drawn(picture: ImageBitmap, side: number, quality: number): Promise<Blob> {
  const canvas = new OffscreenCanvas(side, side);
  const pen = canvas.getContext("2d")!;
  const short = Math.min(picture.width, picture.height);
  pen.fillStyle = "#fff"; // a JPEG has no holes
  pen.fillRect(0, 0, side, side);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(picture, (picture.width - short) / 2, (picture.height - short) / 2, short, short, 0, 0, side, side);
  return canvas.convertToBlob({ type: "image/jpeg", quality });
}
