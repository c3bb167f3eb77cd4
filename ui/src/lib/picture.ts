// The picture of a sphere: at most 32 KiB of JPEG, PNG or WebP, in base64.

const beginnings = { "/9j/": "jpeg", iVBORw0KGgo: "png", UklGR: "webp" };

// pictureURL is what an <img> shows, and empty if that is no picture that others
// may set.
export function pictureURL(base64 = ""): string {
  const type = Object.entries(beginnings).find(([begins]) => base64.startsWith(begins))?.[1];
  return type && base64.length < 64_000 && /^[\w+/]+=*$/.test(base64) ? `data:image/${type};base64,${base64}` : "";
}
