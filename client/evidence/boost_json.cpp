// Boost.JSON, which reads and writes the formats of others (WACZ, the DevTools protocol), compiled once.
#include <boost/json/src.hpp>
