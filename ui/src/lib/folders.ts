// The folder of a conversation: where it is, and what of it comes by itself.

import { api, ask, type Folder, type FolderChange } from "./api";

const at = (ref: string) => ({ params: { path: { ref } } });

export const folders = {
  get: (ref: string): Promise<Folder> => ask(api.GET("/conversations/{ref}/folder", at(ref))),
  change: (ref: string, body: FolderChange): Promise<Folder> => ask(api.PATCH("/conversations/{ref}/folder", { ...at(ref), body })),
  async reveal(ref: string) {
    await ask(api.POST("/conversations/{ref}/folder/reveal", at(ref)));
  },
};
