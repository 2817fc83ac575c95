// Markdown as safe HTML. Models write it, and people who talk to models: nothing in it is trusted.
import DOMPurify from 'dompurify';
import hljs from 'highlight.js/lib/core';
import bash from 'highlight.js/lib/languages/bash';
import css from 'highlight.js/lib/languages/css';
import diff from 'highlight.js/lib/languages/diff';
import go from 'highlight.js/lib/languages/go';
import java from 'highlight.js/lib/languages/java';
import javascript from 'highlight.js/lib/languages/javascript';
import json from 'highlight.js/lib/languages/json';
import python from 'highlight.js/lib/languages/python';
import rust from 'highlight.js/lib/languages/rust';
import sql from 'highlight.js/lib/languages/sql';
import typescript from 'highlight.js/lib/languages/typescript';
import xml from 'highlight.js/lib/languages/xml';
import yaml from 'highlight.js/lib/languages/yaml';
import { Marked, type Tokens } from 'marked';

for (const [name, language] of Object.entries({
  bash, css, diff, go, java, javascript, json, python, rust, sql, typescript, xml, yaml,
})) hljs.registerLanguage(name, language);

// Highlighting a text of hundreds of KiB would stop the page for as long as the reader notices.
const longest = 20_000;

const escape = (text: string) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

const marked = new Marked({
  gfm: true,
  breaks: true, // people who write to a model press Enter, and mean it
  renderer: {
    code({ text, lang }: Tokens.Code) {
      const language = lang?.match(/^\w+/)?.[0].toLowerCase() ?? '';
      const known = hljs.getLanguage(language) && text.length <= longest;
      const body = known ? hljs.highlight(text, { language, ignoreIllegals: true }).value : escape(text);
      // It scrolls sideways, which must go by the keyboard too.
      return `<pre tabindex="0"${language ? ` data-language="${language}"` : ''}><code>${body}</code></pre>`;
    },
    // Below the headings of the page.
    heading({ tokens, depth }: Tokens.Heading) {
      const level = Math.min(6, depth + 2);
      return `<h${level}>${this.parser.parseInline(tokens)}</h${level}>`;
    },
    // A picture from elsewhere would tell its host who reads which thread, and the page's policy forbids it.
    image({ href, text }: Tokens.Image) {
      return /^data:image\//.test(href) ? `<img src="${escape(href)}" alt="${escape(text)}">` : `<a href="${escape(href)}">${escape(text || href)}</a>`;
    },
    // Tags in a text are most often meant to be read, as in XML prompts.
    html: ({ text }: Tokens.HTML | Tokens.Tag) => escape(text),
  },
});

const allowed = {
  ALLOWED_TAGS: [
    'a', 'blockquote', 'br', 'code', 'del', 'em', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'hr', 'img', 'input', 'li', 'ol', 'p', 'pre', 'span',
    'strong', 'table', 'tbody', 'td', 'th', 'thead', 'tr', 'ul',
  ],
  ALLOWED_ATTR: ['align', 'alt', 'checked', 'class', 'data-language', 'disabled', 'href', 'rel', 'src', 'start', 'tabindex', 'target', 'type'],
  ALLOW_DATA_ATTR: false,
  RETURN_TRUSTED_TYPE: true,
};

DOMPurify.addHook('afterSanitizeAttributes', (node) => {
  if (node.nodeName === 'A') {
    node.setAttribute('target', '_blank');
    node.setAttribute('rel', 'noopener noreferrer');
  }
  if (node.nodeName === 'INPUT') node.setAttribute('aria-label', node.hasAttribute('checked') ? 'done' : 'to do');
});

const rendered = new Map<string, string>();

/**
 * Gives the HTML of a text. As a TrustedHTML where the browser has it, so that the page can be held to it by
 * require-trusted-types-for; to Preact it is a string either way.
 */
export function markdown(text: string): string {
  const known = rendered.get(text);
  if (known !== undefined) return known;
  const html = DOMPurify.sanitize(marked.parse(text, { async: false }), allowed) as unknown as string;
  // What was drawn last comes back when the reader scrolls back.
  if (rendered.size > 500) rendered.clear();
  rendered.set(text, html);
  return html;
}
