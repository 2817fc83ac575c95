// Monaco writes its themes into style elements, which style-src 'self' forbids. A constructed style sheet (CSSOM) holds the same rules,
// and is no inline style: only scripts can make one, and only those of this origin run here.

type Styled = Document | ShadowRoot;

const rootOf = (container: Node): Styled => {
  const root = container.getRootNode();
  return root instanceof ShadowRoot ? root : document;
};

/** Puts a style sheet of this text to work in a document or a shadow root. */
export function adopt(text: string, root: Styled): CSSStyleSheet {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  root.adoptedStyleSheets.push(sheet);
  return sheet;
}

/** As much of a style element as Monaco uses. */
class StyleSheet {
  readonly sheet: CSSStyleSheet;
  className = '';
  private text = '';

  constructor(private readonly root: Styled) {
    this.sheet = adopt('', root);
  }

  get textContent(): string {
    return this.text;
  }

  set textContent(text: string) {
    this.text = text;
    this.sheet.replaceSync(text);
  }

  get innerText(): string {
    return this.text;
  }

  set innerText(text: string) {
    this.textContent = text;
  }

  remove(): void {
    this.root.adoptedStyleSheets = this.root.adoptedStyleSheets.filter((sheet) => sheet !== this.sheet);
  }
}

/** Monaco's createStyleSheet, with a style sheet in place of an element in `container`. */
export function createStyleSheet(
  container: Node = document.head,
  before?: (style: StyleSheet) => void,
  disposables?: { add(disposable: { dispose(): void }): void },
): StyleSheet {
  const style = new StyleSheet(rootOf(container));
  before?.(style);
  disposables?.add({ dispose: () => style.remove() });
  return style;
}
