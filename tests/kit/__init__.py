"""The parts that tests are made of: builders, a clock that can be turned, engines and servers."""
