// What the lines and codes look like that people pass on. Only the node reads
// them; this tells one kind from another.

export const invitation = /^kith:[\w-]+$/i;
export const pastedLine = /^kith-(offer|answer):[\w-]+$/i;
export const safetyNumber = /^\d{60}$/;
