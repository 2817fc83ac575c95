// In place of Monaco's editors of differences, which nothing here opens: a tenth of its code.

class Absent {
  constructor() {
    throw new Error('This page has no editor of differences.');
  }
}

export { Absent as DiffEditorWidget, Absent as MultiDiffEditorWidget };
