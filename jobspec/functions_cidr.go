package jobspec

import (
	"fmt"
	"math/big"
	"net"
	"net/netip"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

var (
	prefixParam = function.Parameter{Name: "prefix", Type: cty.String}
	numberParam = function.Parameter{Name: "number", Type: cty.Number}
)

// cidrFunctions calculate with address ranges such as 10.1.0.0/16.
var cidrFunctions = evalFunctions{
	// cidrhost("10.12.0.0/16", 5) = "10.12.0.5"; negative numbers count from the end.
	"cidrhost": function.New(&function.Spec{
		Params: []function.Parameter{prefixParam, numberParam},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			prefix, number, err := prefixAndNumber(args)
			if err != nil {
				return cty.NilVal, err
			}
			host, err := addressInside(prefix, number)
			if err != nil {
				return cty.NilVal, function.NewArgError(1, err)
			}
			return cty.StringVal(host.String()), nil
		},
	}),
	// cidrnetmask("172.16.0.0/12") = "255.240.0.0"
	"cidrnetmask": textFunction(func(text string) (string, error) {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return "", err
		}
		if !prefix.Addr().Is4() {
			return "", fmt.Errorf("IPv6 ranges have no netmask")
		}
		return net.IP(net.CIDRMask(prefix.Bits(), 32)).String(), nil
	}),
	// cidrsubnet("10.0.0.0/8", 8, 2) = "10.2.0.0/16"
	"cidrsubnet": function.New(&function.Spec{
		Params: []function.Parameter{prefixParam, {Name: "newbits", Type: cty.Number}, numberParam},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			prefix, bits, err := prefixAndNumber(args)
			if err != nil {
				return cty.NilVal, err
			}
			number, _ := args[2].AsBigFloat().Int(nil)
			subnet, err := subnetOf(prefix, bits, number)
			if err != nil {
				return cty.NilVal, err
			}
			return cty.StringVal(subnet.String()), nil
		},
	}),
	// cidrsubnets("10.1.0.0/16", 4, 4, 8) = ["10.1.0.0/20", "10.1.16.0/20", "10.1.32.0/24"]
	"cidrsubnets": function.New(&function.Spec{
		Params:   []function.Parameter{prefixParam},
		VarParam: &function.Parameter{Name: "newbits", Type: cty.Number},
		Type:     function.StaticReturnType(cty.List(cty.String)),
		Impl:     consecutiveSubnets,
	}),
}

func prefixAndNumber(args []cty.Value) (netip.Prefix, *big.Int, error) {
	prefix, err := netip.ParsePrefix(args[0].AsString())
	if err != nil {
		return prefix, nil, function.NewArgError(0, err)
	}
	number, accuracy := args[1].AsBigFloat().Int(nil)
	if accuracy != big.Exact {
		return prefix, nil, function.NewArgErrorf(1, "a whole number is required")
	}
	return prefix.Masked(), number, nil
}

// addressInside returns the address with that number in a range.
func addressInside(prefix netip.Prefix, number *big.Int) (netip.Addr, error) {
	size := new(big.Int).Lsh(big.NewInt(1), uint(prefix.Addr().BitLen()-prefix.Bits()))
	if number.Sign() < 0 {
		number = new(big.Int).Add(size, number)
	}
	if number.Sign() < 0 || number.Cmp(size) >= 0 {
		return netip.Addr{}, fmt.Errorf("%s has %s addresses", prefix, size)
	}
	sum := new(big.Int).Add(new(big.Int).SetBytes(prefix.Addr().AsSlice()), number)
	address, _ := netip.AddrFromSlice(sum.FillBytes(make([]byte, prefix.Addr().BitLen()/8)))
	return address, nil
}

// subnetOf returns the range with that number of those that are bits longer.
func subnetOf(prefix netip.Prefix, bits, number *big.Int) (netip.Prefix, error) {
	length := prefix.Bits()
	if !bits.IsInt64() || bits.Sign() < 0 || int64(length)+bits.Int64() > int64(prefix.Addr().BitLen()) {
		return netip.Prefix{}, fmt.Errorf("%s can't be divided by %s more bits", prefix, bits)
	}
	length += int(bits.Int64())
	if number.Sign() < 0 || number.BitLen() > int(bits.Int64()) {
		return netip.Prefix{}, fmt.Errorf("%s has no subnet number %s of %d bits", prefix, number, length)
	}
	first, err := addressInside(prefix, new(big.Int).Lsh(number, uint(prefix.Addr().BitLen()-length)))
	return netip.PrefixFrom(first, length), err
}

func consecutiveSubnets(args []cty.Value, _ cty.Type) (cty.Value, error) {
	if len(args) == 1 {
		return cty.ListValEmpty(cty.String), nil
	}
	prefix, _, err := prefixAndNumber(args)
	if err != nil {
		return cty.NilVal, err
	}
	size := prefix.Addr().BitLen()
	next := new(big.Int) // offset of the first free address
	var out []cty.Value
	for i, arg := range args[1:] {
		bits, accuracy := arg.AsBigFloat().Int(nil)
		if accuracy != big.Exact || !bits.IsInt64() || bits.Sign() < 0 || int64(prefix.Bits())+bits.Int64() > int64(size) {
			return cty.NilVal, function.NewArgErrorf(i+1, "%s can't be divided by %s more bits", prefix, bits)
		}
		length := prefix.Bits() + int(bits.Int64())
		step := new(big.Int).Lsh(big.NewInt(1), uint(size-length))
		// A range begins at a multiple of its size.
		number := new(big.Int).Div(new(big.Int).Sub(new(big.Int).Add(next, step), big.NewInt(1)), step)
		first, err := addressInside(prefix, new(big.Int).Mul(number, step))
		if err != nil {
			return cty.NilVal, function.NewArgErrorf(i+1, "there is no room left in %s", prefix)
		}
		out = append(out, cty.StringVal(netip.PrefixFrom(first, length).String()))
		next.Mul(number.Add(number, big.NewInt(1)), step)
	}
	return cty.ListVal(out), nil
}
