// The room that a picture takes in a conversation, before anything of it is
// here: nothing moves when it comes.

const [most, least, high] = [340, 150, 380]; // pixels

export interface Frame {
  width: number;
  ratio: number; // of width to height
}

export function frame(width = 0, height = 0): Frame {
  const ratio = width > 0 && height > 0 ? Math.min(2.6, Math.max(0.5, width / height)) : 4 / 3;
  const own = width > 0 && height > 0 ? Math.max(least, width) : most;
  return { width: Math.round(Math.min(most, own, high * ratio)), ratio };
}
