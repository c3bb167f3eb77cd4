// Reads QR codes out of pictures. A picture is hostile: it is drawn small
// before anything looks at it, and only characters come out.

import decodeQR from "qr/decode.js";

export type Unread = "none" | "large" | "broken";

// A ScanFailure says why a picture gave no text.
export class ScanFailure extends Error {
  constructor(readonly why: Unread) {
    super(why);
  }
}

const mostBytes = 64 << 20;
const mostPixels = 64e6; // the browser itself decodes them, at 4 bytes each
// Longest sides to try, in pixels: fine modules need many, blur goes with few.
const sides = [1600, 700];
const margin = 16; // of white, for codes cut out without their quiet zone

// decode gives the text of the code in some pixels. millis bounds the search.
export function decode(pixels: ImageData, millis: number): string | undefined {
  try {
    return decodeQR(pixels, { effort: 8, timeLimit: millis });
  } catch {
    return undefined; // there is none, or none that can be read
  }
}

// small draws a source so that its longer side has at most so many pixels. A
// tiny one is enlarged: a module needs more than one pixel.
export function small(source: CanvasImageSource, width: number, height: number, side: number): ImageData {
  const longer = Math.max(width, height);
  const scale = longer < 400 ? Math.ceil(400 / longer) : Math.min(1, side / longer);
  const canvas = document.createElement("canvas");
  const [w, h] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  canvas.width = w + 2 * margin;
  canvas.height = h + 2 * margin;
  const pen = canvas.getContext("2d", { willReadFrequently: true })!;
  pen.fillStyle = "#fff"; // also beneath what is transparent
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingEnabled = scale < 1;
  pen.drawImage(source, margin, margin, w, h);
  return pen.getImageData(0, 0, canvas.width, canvas.height);
}

// readPicture gives the text of the QR code in a picture.
export async function readPicture(file: Blob): Promise<string> {
  if (file.size > mostBytes) throw new ScanFailure("large");
  // A drawing that is a program, not pixels.
  if (file.type.includes("svg")) throw new ScanFailure("broken");
  const url = URL.createObjectURL(file);
  try {
    const image = await load(url);
    if (image.naturalWidth * image.naturalHeight > mostPixels) throw new ScanFailure("large");
    for (const side of sides) {
      const text = decode(small(image, image.naturalWidth, image.naturalHeight, side), 400);
      if (text) return text;
    }
    throw new ScanFailure("none");
  } finally {
    URL.revokeObjectURL(url);
  }
}

// load waits for the header of a picture; its pixels are decoded when drawn.
function load(url: string): Promise<HTMLImageElement> {
  return new Promise((done, failed) => {
    const image = new Image();
    image.onload = () => (image.naturalWidth ? done(image) : failed(new ScanFailure("broken")));
    image.onerror = () => failed(new ScanFailure("broken"));
    image.src = url;
  });
}
