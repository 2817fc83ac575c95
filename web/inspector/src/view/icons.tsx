// A few strokes each, on a grid of 16. They stand beside words or in buttons with names, so readers of the screen skip them.

const paths = {
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10Zm3.6-1.4L14 14',
  back: 'M10 3 5 8l5 5',
  chevron: 'm6 4 4 4-4 4',
  close: 'm4 4 8 8m0-8-8 8',
  down: 'M8 3v10m-4-4 4 4 4-4',
  up: 'M8 13V3M4 7l4-4 4 4',
  key: 'M9.5 9A3.5 3.5 0 1 0 6.6 6.1L2 10.700V14h3v-2h2v-2h1.500Zm1-4h.01',
  light: 'M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6Zm0-10v1.500m0 11V15M1 8h1.500m11 0H15M3 3l1 1m8 8 1 1m0-10-1 1M4 12l-1 1',
  dark: 'M13.500 9.500A6 6 0 0 1 6.500 2.500a6 6 0 1 0 7 7Z',
  system: 'M2 3h12v8H2zM5.500 14h5M8 11v3',
  keyboard: 'M1.500 4h13v8h-13zM4 6.500h.01M6.700 6.500h.01M9.300 6.500h.01M12 6.500h.01M5 9.500h6',
  edit: 'm10.500 3 2.500 2.500L5.500 13 2.500 13.500 3 10.500Z',
  trash: 'M3 4.500h10M6.500 4.500V3h3v1.500M4.500 4.500l.5 9h6l.5-9',
  tool: 'M10 2a4 4 0 0 0-3.400 5.600L2 12.200 3.800 14l4.600-4.600A4 4 0 0 0 14 6l-2.300 1.500-2-1.200L9.500 4Z',
  braces: 'M6 2.500c-2 0-2 1-2 2.500s0 3-1.500 3C4 8 4 9.500 4 11s0 2.500 2 2.500m4-11c2 0 2 1 2 2.500s0 3 1.500 3C12 8 12 9.500 12 11s0 2.500-2 2.500',
  copy: 'M5.500 5.500h8v8h-8zM10.500 5.500v-3h-8v8h3',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}
