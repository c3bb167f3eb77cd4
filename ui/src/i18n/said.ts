// What the node says in English is known by the texts of its source, in which
// %s and the like stand for what differs: said makes a pattern of one, and of
// the words in another language, in which $1 is the first of them.
export function said(format: string, words: string): [RegExp, string] {
  const parts = format.split(/%[-+.\d]*[a-z]/i).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  // The last may be a long tale; others end where the text goes on.
  const pattern = parts.reduce((all, part, i) => `${all}${i === parts.length - 1 && !part ? "(.+)" : "(.+?)"}${part}`);
  return [new RegExp(pattern, "i"), words];
}
