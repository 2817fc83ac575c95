// Apollo Client 4 in the words of apollo.mjs.
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from 'apollo4';
import { PersistedQueryLink } from 'apollo4/link/persisted-queries';
import { GraphQLWsLink } from 'apollo4/link/subscriptions';
import { WebSocketLink } from 'apollo4/link/ws';
import { relayStylePagination } from 'apollo4/utilities';

export const apollo4 = {
  name: 'Apollo Client 4',
  ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql, GraphQLWsLink, WebSocketLink, relayStylePagination,
  createPersistedQueryLink: (options) => new PersistedQueryLink(options),
  /** The GraphQL errors of what an operation was rejected with. */
  errorsOf: (error) => {
    if (!CombinedGraphQLErrors.is(error)) throw error;
    return error.errors;
  },
};
