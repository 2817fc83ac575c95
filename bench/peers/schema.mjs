// The schema of agentstate, with resolvers for what the benchmark asks for.
import { readFileSync } from 'node:fs'
import { GraphQLScalarType, Kind } from 'graphql'
import { addMessage, agentState, messagesAdded, recent } from './store.mjs'

export const typeDefs = readFileSync(new URL('../../schema.graphqls', import.meta.url), 'utf8')

const valueOf = (node, variables) => {
  switch (node.kind) {
    case Kind.OBJECT: return Object.fromEntries(node.fields.map((f) => [f.name.value, valueOf(f.value, variables)]))
    case Kind.LIST: return node.values.map((value) => valueOf(value, variables))
    case Kind.INT: case Kind.FLOAT: return Number(node.value)
    case Kind.VARIABLE: return variables?.[node.name.value]
    case Kind.NULL: return null
    default: return node.value
  }
}

const asItIs = (value) => value

// lastOf is how many messages a selection wants: those that the resolver reads with the thread.
const lastOf = (info) => {
  for (const field of info.fieldNodes[0].selectionSet.selections) {
    if (field.name?.value !== 'messages') continue
    const last = field.arguments?.find((argument) => argument.name.value === 'last')
    return last ? Number(valueOf(last.value, info.variableValues)) : 50
  }
  return 0
}

export const resolvers = {
  JSON: new GraphQLScalarType({ name: 'JSON', serialize: asItIs, parseValue: asItIs, parseLiteral: valueOf }),
  DateTime: new GraphQLScalarType({ name: 'DateTime', serialize: asItIs, parseValue: asItIs, parseLiteral: valueOf }),
  Query: {
    agentState: (_, { threadId }, __, info) => agentState(threadId, lastOf(info)),
    recentAgentStates: (_, { limit }) => recent(limit),
  },
  Mutation: {
    addMessage: (_, { input }) => addMessage(input),
  },
  Subscription: {
    messageAdded: { subscribe: (_, { threadId }) => messagesAdded(threadId) },
  },
}
