// A list of which only what is on the screen is in the page. TanStack's virtual core measures and counts; this draws.
import { Virtualizer, type VirtualizerOptions, elementScroll, observeElementOffset, observeElementRect } from '@tanstack/virtual-core';
import { type RefObject } from 'preact';
import { useLayoutEffect, useReducer, useState } from 'preact/hooks';

type List = Virtualizer<HTMLElement, HTMLElement>;
type Options = Pick<
  VirtualizerOptions<HTMLElement, HTMLElement>,
  'count' | 'estimateSize' | 'getItemKey' | 'overscan' | 'anchorTo' | 'followOnAppend' | 'scrollEndThreshold' | 'paddingStart' | 'paddingEnd'
>;

/** Keeps a virtual list over the items of `options` inside of `scroller`. What is drawn must call measureElement. */
export function useVirtual(scroller: RefObject<HTMLElement | null>, options: Options): List {
  const [, draw] = useReducer((count: number) => count + 1, 0);
  const all = {
    ...options,
    getScrollElement: () => scroller.current,
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
    onChange: () => draw(undefined),
  };
  const [list] = useState(() => new Virtualizer<HTMLElement, HTMLElement>(all));
  list.setOptions(all);
  useLayoutEffect(() => list._didMount(), [list]);
  useLayoutEffect(() => list._willUpdate());
  return list;
}
