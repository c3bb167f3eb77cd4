// Hello is a program to build in a test.
package main

import "fmt"

func main() { fmt.Println("hello") }
