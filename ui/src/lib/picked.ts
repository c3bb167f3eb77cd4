// What somebody drops, pastes or chooses: files, each with its place among the
// others, so that a folder arrives as one.

export interface Picked {
  file: File;
  path: string; // with / between the segments
}

// Things are handed over together with the event; afterwards they are gone.
export type Held = FileSystemEntry | File;

// holdsFiles says whether something that is dragged is files.
export const holdsFiles = (data: DataTransfer | null) => !!data?.types.includes("Files");

// held takes what an event holds, and is called before anything is waited for.
export function held(data: DataTransfer): Held[] {
  const items = [...data.items].filter((item) => item.kind === "file");
  if (!items.length) return [...data.files];
  return items.map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile()).filter((one) => one !== null);
}

// pasted are the files of a clipboard, unless it holds a text too, of which
// some programs make a picture as well.
export function pasted(data: DataTransfer): Picked[] {
  if (data.types.includes("text/html") && data.getData("text/plain").trim()) return [];
  return [...data.files].map((file) => ({ file, path: file.name }));
}

// fromField are those of a field, which may be for folders.
export const fromField = (list: FileList | null): Picked[] => [...(list ?? [])].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
