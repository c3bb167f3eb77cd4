// What the lines and codes look like that people pass on. Only the node reads
// them; this tells one kind from another.

export const invitation = /^kith:[\w-]+$/i;
export const pastedLine = /^kith-(offer|answer):[\w-]+$/i;
export const safetyNumber = /^\d{60}$/;

// isMagnet tells the link of a torrent that stands alone.
export const isMagnet = (text: string) => /^\s*magnet:\?\S*xt=urn:bt(ih|mh):[\w%:]+\S*\s*$/i.test(text);
