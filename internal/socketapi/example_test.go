package socketapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"telegraf-hologram/internal/socketapi"
)

func ExampleClient_Send() {
	// A cloud that does not know the device.
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = l.Close() }()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		fmt.Printf("cloud reads %q\n", readMessage(conn))
		_, _ = io.WriteString(conn, "[3,0]")
	}()

	client := &socketapi.Client{
		Address:     l.Addr().String(),
		Credentials: socketapi.Credentials{DeviceKey: "ABCDWXYZ"},
	}
	defer func() { _ = client.Close() }()
	_, err = client.Send(context.Background(), socketapi.Message{Data: "21.5", Topics: []string{"temperature"}})

	if e, ok := errors.AsType[*socketapi.Error](err); ok {
		fmt.Println(e.Verdict)
		fmt.Println(err)
	}
	// Output:
	// cloud reads "{\"k\":\"ABCDWXYZ\",\"d\":\"21.5\",\"t\":\"temperature\"}\n\n"
	// credentials refused
	// answer: cloud answers code 3, credentials refused
}

func ExampleAppendMessage() {
	b, err := socketapi.AppendMessage(nil,
		socketapi.Credentials{SourceID: "ABCD", SourceKey: "WXYZ"}, socketapi.FullNames,
		socketapi.Message{Data: "21.5", Topics: []string{"temperature", "greenhouse"}})
	fmt.Printf("%q %v\n", b, err)
	// Output:
	// "{\"source\":\"ABCD\",\"checksum\":\"WXYZ\",\"data\":\"21.5\",\"tags\":[\"temperature\",\"greenhouse\"]}\n\n" <nil>
}
