/// <reference types="vite/client" />
// Modules of Monaco that have no types of their own.
declare module 'monaco-editor/esm/*';
declare module 'monaco-editor/esm/vs/editor/editor.worker.js?worker' {
  export { default } from '*?worker';
}
interface Window {
  MonacoEnvironment?: { getWorker: (moduleId: string, label: string) => Worker };
}
