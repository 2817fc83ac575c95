// Loads the playground: this file is small, so that the page soon says what it is doing, and says it where that fails.
import { notice } from './notice';

// The address of the inspector, if this server has it: the header Link of the page's own answer says so.
async function inspector(): Promise<string | undefined> {
  try {
    const { headers } = await fetch(document.baseURI.replace(/#.*/, ''), { method: 'HEAD' });
    return headers.get('Link')?.match(/<([^>]*)>; rel="related"/)?.[1];
  } catch {
    return undefined;
  }
}

const element = document.getElementById('playground')!;

// GraphiQL loads the editor when it stands; here both are loaded at the same time.
Promise.all([import('./view/app'), inspector(), import('monaco-graphql/esm/monaco-editor.js'), import('monaco-graphql/esm/lite.js')])
  .then(([{ start }, threads]) => start(element, threads))
  .catch((error: unknown) => {
    console.error(error);
    element.textContent = 'The playground could not start: one of its scripts did not load.';
  });
// Without an answer about its health the page is as useful as before.
notice().catch(() => {});
