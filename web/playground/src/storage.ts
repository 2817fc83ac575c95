// Where the page keeps tabs and settings: localStorage, or the page itself where a browser allows none.

interface Kept {
  getItem: (key: string) => string | null;
  setItem: (key: string, value: string) => void;
  removeItem: (key: string) => void;
  clear: () => void;
  readonly length: number;
}

interface Listed extends Omit<Kept, 'clear'> {
  keys: () => string[];
}

function inMemory(): Listed {
  const items = new Map<string, string>();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
    keys: () => [...items.keys()],
    get length() {
      return items.size;
    },
  };
}

function usable(): Listed {
  try {
    const probe = 'agentstate:probe';
    localStorage.setItem(probe, probe);
    localStorage.removeItem(probe);
    return {
      getItem: (key) => localStorage.getItem(key),
      setItem: (key, value) => localStorage.setItem(key, value),
      removeItem: (key) => localStorage.removeItem(key),
      keys: () => Object.keys(localStorage),
      get length() {
        return localStorage.length;
      },
    };
  } catch {
    return inMemory();
  }
}

const kept = usable();

// GraphiQL's history keeps headers, and with them tokens, whatever its setting "Persist headers" says. Here it keeps them where that is on.
const histories = ['graphiql:queries', 'graphiql:favorites'];

function withoutHeaders(history: string): string {
  if (kept.getItem('graphiql:shouldPersistHeaders') === 'true') return history;
  return JSON.stringify(JSON.parse(history), (key, value: unknown) => (key === 'headers' ? undefined : value));
}

export const storage: Kept = {
  getItem: (key) => kept.getItem(key),
  setItem: (key, value) => kept.setItem(key, histories.includes(key) ? withoutHeaders(value) : value),
  removeItem: (key) => kept.removeItem(key),
  // GraphiQL's "Clear storage" leaves what other pages of this origin keep.
  clear: () => {
    for (const key of kept.keys()) if (key.startsWith('graphiql:')) kept.removeItem(key);
  },
  get length() {
    return kept.length;
  },
};

/** Takes out of the histories what earlier versions have kept there. */
export function forgetHeaders(): void {
  for (const key of histories) {
    const history = kept.getItem(key);
    try {
      if (history) storage.setItem(key, history);
    } catch {
      kept.removeItem(key); // It is no JSON, and GraphiQL could do nothing with it either.
    }
  }
}
