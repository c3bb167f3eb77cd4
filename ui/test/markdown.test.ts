import { describe, expect, test } from "vitest";
import { parse, plainText, type Block, type Inline } from "../src/lib/markdown";

// shape writes a tree as text, to be read in tables.
const one = (p: Inline): string => ("parts" in p ? `${p.kind}(${p.parts.map(one).join("")})` : p.kind === "text" ? p.text : `${p.kind}[${p.text}]`);
const shape = (blocks: Block[]): string =>
  blocks.map((b) => b.kind === "text" ? b.parts.map(one).join("")
    : b.kind === "code" ? `pre[${b.text}]`
    : b.kind === "quote" ? `quote{${shape(b.blocks)}}`
    : `${b.ordered ? `ol${b.start}` : "ul"}{${b.items.map((i) => i.map(one).join("")).join("|")}}`).join(" / ");

test.each([
  ["plain", "plain"],
  ["**bold** and *italic* and _too_", "bold(bold) and italic(italic) and italic(too)"],
  ["~~no~~ `a*b*c`", "strike(no) code[a*b*c]"],
  ["**a *b* c**", "bold(a italic(b) c)"],
  ["2 * 3 * 4, snake_case_name, a * b", "2 * 3 * 4, snake_case_name, a * b"],
  ["**open", "**open"],
  ["see https://example.org/a_(b), or (https://example.org).", "see link[https://example.org/a_(b)], or (link[https://example.org])."],
  ["javascript:alert(1) http:// data:text/html,x", "javascript:alert(1) http:// data:text/html,x"],
  ["```js\na **b**\n```\nafter", "pre[a **b**] / after"],
  ["```\nopen", "```\nopen"],
  ["> one\n> > two\nthree", "quote{one / quote{two}} / three"],
  ["- a\n- **b**\n\n3. c\n4. d", "ul{a|bold(b)} / ol3{c|d}"],
  ["one\n\ntwo", "one\n\ntwo"],
])("%j", (text, want) => expect(shape(parse(text))).toBe(want));

describe("hostile input takes no longer than its length", () => {
  test.each(["*", "**a", "_a ", "`", "~~", "> ", ">", "```\n", "- \n", "*a_b~~", "https://", "[](", "h)"])("%j repeated", (part) => {
    const text = part.repeat(Math.ceil(65536 / part.length));
    // The fastest of some: a busy machine makes one late, but not all.
    let fastest = Infinity;
    for (let i = 0; i < 20 && fastest > 1500; i++) {
      const begun = performance.now();
      parse(text);
      fastest = Math.min(fastest, performance.now() - begun);
    }
    expect(fastest).toBeLessThan(1500);
  });
});

test("a line for lists", () => {
  expect(plainText("**Hi**\n> there `x`")).toBe("Hi there x");
  expect(plainText("a_b https://x.y/a_b_c\n- one\n- *two*\n```js\nlet a_b;\n```")).toBe("a_b https://x.y/a_b_c • one • two let a_b;");
  expect(plainText(`\`\`\`js\n${"x ".repeat(500)}\n\`\`\``)).toMatch(/^x x/);
  expect(plainText("a".repeat(5000)).length).toBe(200);
});
