// What a subscription needs to go on where it was when its connection was lost: the argument `after`, and the `cursor` of what came last.
import { type DocumentNode, type FieldNode, Kind, type OperationDefinitionNode, type SelectionSetNode } from 'graphql';

export interface Request {
  query: string;
  operationName?: string | null | undefined;
  variables?: Record<string, unknown> | undefined;
}

export interface Resumption {
  /** The cursor of an event; undefined where it has none. */
  cursorOf: (data: unknown) => string | undefined;
  /** The request that asks for what comes behind this cursor. */
  behind: (request: Request, cursor: string) => Request;
}

/**
 * The operation that a request means: the only one, or the one of that name. GraphiQL learns a name 0.1 s after an editor has changed, and
 * may give that of the tab before.
 */
export function operationOf(document: DocumentNode, name?: string | null): OperationDefinitionNode | undefined {
  const operations = document.definitions.filter((each) => each.kind === Kind.OPERATION_DEFINITION);
  return operations.length === 1 ? operations[0] : operations.find((each) => each.name?.value === name);
}

// The name under which a selection gives a field, through its fragments.
function keyOf(field: string, set: SelectionSetNode | undefined, document: DocumentNode): string | undefined {
  for (const selection of set?.selections ?? []) {
    if (selection.kind === Kind.FIELD) {
      if (selection.name.value === field) return selection.alias?.value ?? field;
      continue;
    }
    const fragment =
      selection.kind === Kind.INLINE_FRAGMENT
        ? selection
        : document.definitions.find((each) => each.kind === Kind.FRAGMENT_DEFINITION && each.name.value === selection.name.value);
    const key = keyOf(field, (fragment as { selectionSet?: SelectionSetNode } | undefined)?.selectionSet, document);
    if (key) return key;
  }
  return undefined;
}

/** How this operation can go on where it was; undefined where it cannot, because it has no `after` or asks for no `cursor`. */
export function resumptionOf(document: DocumentNode, operation: OperationDefinitionNode): Resumption | undefined {
  const root = operation.selectionSet.selections.find((each): each is FieldNode => each.kind === Kind.FIELD);
  const after = root?.arguments?.find(({ name }) => name.value === 'after')?.value;
  const key = keyOf('cursor', root?.selectionSet, document);
  if (!root || !after || !key) return undefined;
  const event = root.alias?.value ?? root.name.value;
  return {
    cursorOf: (data) => {
      const cursor = (data as Record<string, Record<string, unknown> | null> | null | undefined)?.[event]?.[key];
      return typeof cursor === 'string' ? cursor : undefined;
    },
    behind: (request, cursor) => {
      if (after.kind === Kind.VARIABLE) return { ...request, variables: { ...request.variables, [after.name.value]: cursor } };
      const { start, end } = after.loc!;
      return { ...request, query: request.query.slice(0, start) + JSON.stringify(cursor) + request.query.slice(end) };
    },
  };
}
