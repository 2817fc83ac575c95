package httpapi

// multipart writes the multipart subscription protocol, which Apollo Client's HttpLink speaks,
// https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol
//
// A part counts for a client when it has seen the boundary behind it (RFC 2046, section 5.1.1). So each part is written with the
// boundary that ends it, and only the head of the next part is left for later.
type multipart struct{}

const (
	mediaMultipart = "multipart/mixed"
	// multipartSpec is the version of the protocol, which a client names in the parameter subscriptionSpec of its Accept.
	multipartSpec = "1.0"

	partHead = "\r\nContent-Type: application/json\r\n\r\n"
	boundary = "\r\n--graphql"
)

func (multipart) media() string {
	return mediaMultipart + `;boundary="graphql";subscriptionSpec=` + multipartSpec
}

// open begins with a heartbeat: some clients see a header only with a body.
func (multipart) open() []byte    { return []byte(boundary + partHead + "{}" + boundary) }
func (multipart) silence() []byte { return []byte(partHead + "{}" + boundary) }

func (multipart) place(string) []byte { return nil }

func (multipart) next(_ string, head, data, tail []byte) [][]byte {
	return [][]byte{[]byte(partHead + `{"payload":`), head, data, tail, []byte("}" + boundary)}
}

func (multipart) complete() []byte { return []byte("--\r\n") }

// stopped is an error of the transport. Apollo Client 3 would take the mere end of the body for the end of the subscription, with or
// without the last boundary; this both it and version 4 tell as an error, after which a page can subscribe again.
func (multipart) stopped() []byte {
	return []byte(partHead + `{"payload":null,"errors":[{"message":"Subscribe again: the server stops.",` +
		`"extensions":{"code":"` + codeUnavailable + `","retryAfterSeconds":1}}]}` + boundary + "--\r\n")
}
