package exchange_test

import (
	"testing"

	"kith/hub/exchange"
	"kith/hub/exchange/exchangetest"
)

func TestLocal(t *testing.T) {
	exchangetest.Conformance(t, func(_ *testing.T, most int) (a, b exchange.Exchange) {
		e := exchange.NewLocal(most)
		return e, e
	})
}
