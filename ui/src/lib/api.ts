// The API of one's own Kith. Its types are made from api/openapi.json.

import createClient from "openapi-fetch";
import type { components, paths } from "./openapi";

type Schemas = components["schemas"];
export type Contact = Schemas["Contact"];
export type Conversation = Schemas["Conversation"];
export type Draft = Schemas["Draft"];
export type Message = Schemas["Message"];
export type Mention = Schemas["Mention"];
export type Me = Schemas["Me"];
export type Status = Schemas["Status"];
export type ContactStatus = Schemas["ContactStatus"];
export type Way = Schemas["Way"];
export type Finding = Schemas["Finding"];
export type Invitation = Schemas["Invitation"];
export type Receipt = Schemas["Receipt"];
export type Preferences = Schemas["Preferences"];
export type Kept = Schemas["Kept"];
export type ICEServer = Schemas["ICEServer"];
export type Key = Schemas["Key"];
export type Storage = Schemas["Storage"];
export type Notice = Schemas["Notice"];
export type Hub = Schemas["Hub"];
export type HubNotice = Schemas["HubNotice"];
export type Sphere = Schemas["Sphere"];
export type SphereProfile = Schemas["SphereProfile"];
export type Member = Schemas["Member"];
export type Note = Schemas["Note"];
export type SharedFile = Schemas["File"]; // File is the browser's
export type Torrent = Schemas["Torrent"];
export type Transfer = Schemas["Transfer"];
export type TransferState = Transfer["state"];
export type Transfers = Schemas["Transfers"];
export type TransferSettings = Schemas["TransferSettings"];
export type Limits = Schemas["Limits"];
export type Hours = Schemas["Hours"];
export type FileEntry = Schemas["FileEntry"];
export type Folder = Schemas["Folder"];
export type FolderChange = Schemas["FolderChange"];
export type UploadRequest = Schemas["UploadRequest"];
export type Sealing = Schemas["Sealing"];
type Problem = Schemas["Problem"];

export const base = "/api/v1";

// A Failure is an answer that is not a success. Its message is a sentence to
// show; its kind is stable.
export class Failure extends Error {
  constructor(readonly kind: Problem["kind"], detail: string) {
    super(words.sentence(detail));
  }
}

// Fetch is looked up at each call, so that tests can put another in its place.
export const api = createClient<paths>({
  baseUrl: new URL(base, location.href).href,
  fetch: (request) => globalThis.fetch(request),
});

// ask waits for an answer and gives what it holds, or throws a Failure.
export async function ask<T>(request: Promise<{ data?: T; error?: Problem; response: Response }>): Promise<T> {
  let answer;
  try {
    answer = await request;
  } catch {
    throw new Failure("unreachable", words.unreachable());
  }
  const { data, error, response } = answer;
  if (response.status === 401) {
    location.reload(); // the page then says how to log in
    throw new Failure("forbidden", error?.detail ?? response.statusText);
  }
  if (!response.ok) throw new Failure(error?.kind ?? "internal", error?.detail ?? `${response.status} ${response.statusText}`);
  return data as T;
}

// The language of the page words what the node says, and that it says nothing.
let words = { unreachable: () => "Kith does not answer.", sentence: (text: string) => text };
export function speak(language: typeof words) {
  words = language;
}
