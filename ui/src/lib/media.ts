// What kind of thing is shared, and so how it is shown. Type and name are the
// word of whoever shared it: they choose a drawing and a player here, and the
// node decides by the bytes themselves what it hands to that.

import type { Message, SharedFile } from "./api";

export const kinds = ["picture", "film", "sound", "pdf", "text", "folder", "torrent", "other"] as const;
export type Kind = (typeof kinds)[number];

const byEnding: Record<string, Kind> = {};
const endings: Partial<Record<Kind, string>> = {
  picture: "jpg jpeg png gif webp avif bmp",
  film: "mp4 m4v webm ogv mov",
  sound: "mp3 m4a aac ogg oga opus flac wav weba",
  pdf: "pdf",
  text: "txt text md markdown csv tsv json log ini toml yaml yml srt vtt tex diff patch c h cpp go rs py js ts java kt swift rb sh sql css",
};
for (const kind of kinds) for (const ending of endings[kind]?.split(" ") ?? []) byEnding[ending] = kind;

// A browser shows these; what else calls itself an image or a video is a file.
const pictures = /^image\/(jpeg|png|gif|webp|avif|bmp)$/;
const films = /^video\/(mp4|webm|ogg|quicktime)$/;
const sounds = /^audio\/(mpeg|mp4|aac|ogg|flac|wav|x-wav|webm|opus)$/;

export const ending = (name: string) => /\.([\p{L}\p{N}]{1,12})$/u.exec(name)?.[1]?.toLowerCase() ?? "";

// kindOfName goes by the ending alone, or by a type where the ending says nothing.
export function kindOfName(name: string, type = ""): Kind {
  const known = byEnding[ending(name)];
  if (known) return known;
  if (ending(name)) return "other";
  if (pictures.test(type)) return "picture";
  if (films.test(type)) return "film";
  if (sounds.test(type)) return "sound";
  return type === "application/pdf" ? "pdf" : type === "text/plain" ? "text" : "other";
}

export const kindOfFile = (f: SharedFile): Kind => (f.folder ? "folder" : kindOfName(f.name, f.type));

// kindOf is undefined of a message that shares nothing.
export const kindOf = (m: Message): Kind | undefined => (m.deleted ? undefined : m.file ? kindOfFile(m.file) : m.torrent ? "torrent" : undefined);

// iconOf is the drawing for a kind, by its name among the icons.
export const iconOf = { picture: "picture", film: "film", sound: "sound", pdf: "text", text: "text", folder: "folder", torrent: "torrent", other: "file" } as const;

// isVisual says whether the gallery shows it.
export const isVisual = (m: Message) => ["picture", "film"].includes(kindOf(m) ?? "");

// hasPreview says whether it is shown by a small picture of it.
export const hasPreview = (m: Message) => isVisual(m) && m.file!.preview;

// hidden are characters that turn a name around, break its line, or can't be
// seen, by which one name passes for another.
const hidden = /[\p{Cc}\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202f\u2060-\u206f\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e0fff}]/gu;
// Joiners belong to emoji and to scripts other than ours.
const joiners = /(?<=[ -~])[\u200c\u200d]+|[\u200c\u200d]+(?=[ -~]|$)/gu;

// plainName is a name as it may be shown.
export const plainName = (name: string) => name.replace(hidden, "").replace(joiners, "").replace(/\s+/g, " ").trim() || "?";

const tail = 9; // characters

// halves are a name's beginning, which may be cut, and its end, which says what
// it is.
export function halves(name: string): [string, string] {
  const all = [...plainName(name)];
  if (all.length <= tail + 3) return [all.join(""), ""];
  return [all.slice(0, -tail).join(""), all.slice(-tail).join("")];
}

// titleOf is the name of what a message shares.
export const titleOf = (m: Message) => plainName(m.file?.name ?? m.torrent?.name ?? "");
