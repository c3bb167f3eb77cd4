// The camera, while it is wanted.

export type CameraTrouble = "none" | "refused" | "busy";

// A CameraFailure says why there is no picture.
export class CameraFailure extends Error {
  constructor(readonly why: CameraTrouble) {
    super(why);
  }
}

// open asks for the camera that looks away from the person, if there are two.
export async function open(): Promise<MediaStream> {
  // Browsers have it only on secure pages; those on 127.0.0.1 are.
  if (!navigator.mediaDevices?.getUserMedia) throw new CameraFailure("none");
  try {
    return await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } } });
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    if (name === "NotAllowedError" || name === "SecurityError") throw new CameraFailure("refused");
    if (name === "NotReadableError" || name === "AbortError") throw new CameraFailure("busy");
    throw new CameraFailure("none");
  }
}

export const close = (stream: MediaStream) => stream.getTracks().forEach((track) => track.stop());

const pause = 100; // milliseconds between two looks
const side = 900;

// watch looks for codes in what a video shows, until the function that it
// gives is called. The same code is told of once.
export async function watch(video: HTMLVideoElement, found: (text: string) => void): Promise<() => void> {
  const { decode, small } = await import("./scan");
  let timer: ReturnType<typeof setTimeout>;
  let last = "";
  function look() {
    timer = setTimeout(look, pause);
    if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA || !video.videoWidth) return;
    const text = decode(small(video, video.videoWidth, video.videoHeight, side), 40);
    if (!text || text === last) return;
    last = text;
    found(text);
  }
  timer = setTimeout(look, 0);
  return () => clearTimeout(timer);
}
