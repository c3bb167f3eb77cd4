// Oneself: account, device, name, visibility, and what can be switched.

import { api, ask, type ICEServer, type Me, type Preferences } from "./api";

class Self {
  me = $state.raw<Me>();
  preferences = $state.raw<Preferences>();

  async load() {
    this.me = await ask(api.GET("/me"));
  }

  async change(body: { name?: string; visible?: boolean }) {
    this.me = await ask(api.PATCH("/me", { body }));
  }

  async loadPreferences() {
    this.preferences = await ask(api.GET("/me/preferences"));
  }

  async prefer(body: Preferences) {
    this.preferences = await ask(api.PUT("/me/preferences", { body }));
  }

  async iceServers(): Promise<ICEServer[]> {
    return (await ask(api.GET("/me/ice-servers"))) ?? [];
  }

  async setICEServers(body: ICEServer[]) {
    await ask(api.PUT("/me/ice-servers", { body }));
  }

  async setPassphrase(before: string, after: string) {
    await ask(api.PUT("/me/passphrase", { body: { old: before, new: after } }));
    await this.load();
  }
}

export const self = new Self();

// logOut ends this browser's session; it is no part of the API.
export async function logOut() {
  await fetch("/logout", { method: "POST" }).catch(() => {});
  location.reload();
}
