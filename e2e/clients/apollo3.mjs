// Apollo Client 3, whose folders Node can only `require`, in the words of apollo.mjs.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } = require('apollo3/core');
const { GraphQLWsLink } = require('apollo3/link/subscriptions');
const { WebSocketLink } = require('apollo3/link/ws');
const { createPersistedQueryLink } = require('apollo3/link/persisted-queries');
const { relayStylePagination } = require('apollo3/utilities');

export const apollo3 = {
  name: 'Apollo Client 3',
  ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql, GraphQLWsLink, WebSocketLink, createPersistedQueryLink, relayStylePagination,
  /** The GraphQL errors of what an operation was rejected with. */
  errorsOf: (error) => error.graphQLErrors,
};
