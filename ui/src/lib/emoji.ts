// Emoji to choose from, and those offered at once.

export const quick = ["👍", "❤️", "😂", "😮", "😢", "🙏"];

const split = (s: string) => s.split(" ");

export const emoji = {
  smileys: split("😀 😃 😄 😁 😆 😅 😂 🤣 😊 😇 🙂 🙃 😉 😌 😍 🥰 😘 😋 😛 😜 🤪 🤨 🧐 🤓 😎 🥳 😏 😒 😞 😔 😟 😕 🙁 😣 😖 😫 😩 🥺 😢 😭 😤 😠 😡 🤯 😳 🥵 🥶 😱 😨 😰 😥 🤗 🤔 🤭 🤫 😶 😐 😬 🙄 😮 😴 🤒 🤧 😷"),
  hands: split("👍 👎 👌 ✌️ 🤞 🤟 🤙 👋 👏 🙌 🙏 💪 🤝 👉 👈 👆 👇 ✋ ✊ 👊 🫶 🤷 🤦 💃 🕺"),
  hearts: split("❤️ 🧡 💛 💚 💙 💜 🖤 🤍 💔 💕 💖 💯 ✨ ⭐ 🔥 🎉 🎂 🎁 🌹 🌻"),
  things: split("✅ ❌ ❓ ❗ ⏰ 📷 🎬 🎵 📁 📎 📌 💡 🔒 🔑 🚀 🚗 🚲 ✈️ 🏠 🌍 ☀️ 🌧️ ❄️ 🌈 🍀 🐱 🐶 ☕ 🍺 🍷 🍕 🍰 🍎 ⚽ 🎮"),
};
