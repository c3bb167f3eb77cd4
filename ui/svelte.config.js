// The page's policy (Content-Security-Policy, trusted types) forbids to make
// elements from text: fragments are built node by node.
export default {
  compilerOptions: { runes: true, fragments: "tree" },
};
