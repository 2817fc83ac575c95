// Monaco as this page needs it: a Vite plugin that leaves out what GraphQL and JSON have no use for, and that lets Monaco keep to the
// page's policy. Each change names the module that it is made for, and the build fails where a new version of Monaco has it no more.
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';

const own = (path: string) => fileURLToPath(new URL(`src/editor/${path}`, import.meta.url));
const monaco = 'monaco-editor/esm/vs/';

/** Modules that others take the place of. */
const replaced = new Map([
  [`${monaco}editor/edcore.main.js`, own('parts.js')],
  [`${monaco}editor/browser/widget/diffEditor/diffEditorWidget.js`, own('absent.ts')],
  [`${monaco}editor/browser/widget/multiDiffEditor/multiDiffEditorWidget.js`, own('absent.ts')],
]);

/**
 * Texts that others take the place of: style elements, which the policy forbids, become style sheets, which it allows; and in the dark,
 * comments and the numbers of lines get the contrast that WCAG asks for.
 */
const edited = new Map<string, [before: string, after: string][]>([
  [
    `${monaco}base/browser/dom.js`,
    [['export function createStyleSheet(', "import { createStyleSheet } from 'playground-styles';\nexport { createStyleSheet };\nfunction styleElement("]],
  ],
  [
    `${monaco}base/browser/ui/contextview/contextview.js`,
    [
      ["const style = document.createElement('style');\n                style.textContent = SHADOW_ROOT_CSS;\n                this.shadowRoot.appendChild(style);", 'adopt(SHADOW_ROOT_CSS, this.shadowRoot);'],
      ["import * as DOM from '../../dom.js';", "import * as DOM from '../../dom.js';\nimport { adopt } from 'playground-styles';"],
    ],
  ],
  [
    '@graphiql/react/dist/constants.js',
    [
      [
        'colors: getBaseColors("dark"),\n\t\trules: [{',
        'colors: { ...getBaseColors("dark"), "editorLineNumber.foreground": "#a3aec2" },\n\t\trules: [{ token: "comment", foreground: "#8fc07a" }, {',
      ],
    ],
  ],
]);

// The path of a module behind node_modules, which is what the tables know it by.
const inPackages = (id: string) => id.replaceAll('\\', '/').split('node_modules/').pop() ?? '';

export function monacoOfThisPage(): Plugin {
  const met = new Set<string>();
  return {
    name: 'monaco-of-this-page',
    apply: 'build',
    enforce: 'pre',
    async resolveId(source, importer, options) {
      if (source === 'playground-styles') return own('styles.ts');
      if (!importer || !source.endsWith('.js')) return null;
      const found = await this.resolve(source, importer, { ...options, skipSelf: true });
      const name = found && inPackages(found.id);
      if (!name || !replaced.has(name)) return null;
      met.add(name);
      return replaced.get(name);
    },
    transform(code, id) {
      const name = inPackages(id);
      const edits = edited.get(name);
      if (!edits) return null;
      met.add(name);
      return edits.reduce((text, [before, after]) => {
        if (text.split(before).length !== 2) this.error(`${name} has changed: look at what is edited of it, and mend playground/monaco.ts`);
        return text.replace(before, () => after);
      }, code);
    },
    buildEnd(error) {
      const missed = [...replaced.keys(), ...edited.keys()].filter((name) => !met.has(name));
      if (!error && missed.length > 0) this.error(`nothing loads ${missed.join(', ')} any more: mend playground/monaco.ts`);
    },
  };
}
