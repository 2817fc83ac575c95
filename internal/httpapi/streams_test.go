package httpapi

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStreamsWaitForTheLastOne(t *testing.T) {
	s := NewStreams()
	first, leaveFirst := s.join(t.Context())
	_, leaveSecond := s.join(t.Context())
	leaveSecond()
	require.NoError(t, first.Err())

	s.Close()
	s.Close() // a second time does no harm
	<-first.Done()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Wait(over), context.Canceled, "one is still open")
	leaveFirst()
	require.NoError(t, s.Wait(t.Context()))

	late, leaveLate := s.join(t.Context())
	<-late.Done()
	leaveLate()
	require.NoError(t, s.Wait(t.Context()))
}

func TestStreamsWithoutAnyEndAtOnce(t *testing.T) {
	s := NewStreams()
	s.Close()
	require.NoError(t, s.Wait(t.Context()))
}
